"""Bytes as a hostile client writes them: requests and WebSocket frames that keep the rules, or break just one."""

import base64
import json
import struct
from typing import Any

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
PATH = "/v1/stream"
STILLS = "/v1/images/generations"
_KEY = base64.b64encode(bytes(16)).decode()
_NO_MASK = bytes(4)


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, reserved: int = 0, says: int | None = None) -> bytes:
    """A client's WebSocket frame. The mask is zero, so that the payload stays as it is; `says` is a length that is a lie."""
    length = len(payload) if says is None else says
    head = bytes([(0x80 if fin else 0) | reserved << 4 | opcode])
    if length < 126:
        head += bytes([0x80 | length])
    elif length < 1 << 16:
        head += struct.pack("!BH", 0x80 | 126, length)
    else:
        head += struct.pack("!BQ", 0x80 | 127, length)
    return head + _NO_MASK + payload


def params(**changes: Any) -> bytes:
    """A params message as a frame."""
    return frame(TEXT, json.dumps({"type": "params", **changes}, separators=(",", ":")).encode())


def picture(number: int, image: bytes) -> bytes:
    """A live frame of this id."""
    return frame(BINARY, struct.pack("<I", number) + image)


def request(method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None) -> bytes:
    """An HTTP/1.1 request with a length, or with whatever else `headers` say of its body."""
    lines = {"Host": "127.0.0.1", **({"Content-Length": str(len(body))} if body or method == "POST" else {}), **(headers or {})}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value != "")
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + body


def still(body: Any, headers: dict[str, str] | None = None) -> bytes:
    """A POST for stills; a body of bytes is sent as it is."""
    raw = body if isinstance(body, bytes) else json.dumps(body, separators=(",", ":")).encode()
    return request("POST", STILLS, raw, {"Content-Type": "application/json", **(headers or {})})


def upgrade(path: str = PATH, headers: dict[str, str] | None = None) -> bytes:
    """A WebSocket's handshake."""
    asked = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": _KEY,
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Protocol": "allaprima.v1",
    }
    return request("GET", path, headers={**asked, **(headers or {})})
