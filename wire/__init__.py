"""The live protocol `allaprima.v1`: messages to bytes and back, without sockets. See docs/wire.md.

Client to server: text is JSON (`parse_params`), binary is `u32 id` and an encoded image (`FrameIn`).
Server to client: text is JSON, binary is a 24-byte header and perhaps an image (`FrameOut`).
"""

import json
import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

SUBPROTOCOL = "allaprima.v1"
BEARER_PREFIX = "bearer."

CLOSE_POLICY = 1008
CLOSE_TOO_BIG = 1009
CLOSE_GOING_AWAY = 1012
CLOSE_FULL = 1013
CLOSE_IDLE = 4408

_FRAME_IN = struct.Struct("<I")
_FRAME_OUT = struct.Struct("<IBBHIIII")
HEADER_BYTES = _FRAME_OUT.size
_KIND = 4
"""Where the kind of an answer is."""


class AnswerKind(IntEnum):
    """What a binary answer says about its frame."""

    IMAGE = 1
    REPEAT = 2
    DROPPED = 3


class WireError(ValueError):
    """A message that breaks the protocol; `code` is what a client can switch on, the text is for a person."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class FrameIn:
    """A frame from a client: its id, and the encoded image (JPEG, WebP or PNG)."""

    id: int
    image: bytes

    def encode(self) -> bytes:
        return _FRAME_IN.pack(self.id) + self.image

    @classmethod
    def decode(cls, data: bytes) -> "FrameIn":
        """Raises WireError if the message is too short to hold an id and an image."""
        if len(data) <= _FRAME_IN.size:
            raise WireError("bad_frame", f"a frame is a 4-byte id and an image; this message has {len(data)} bytes")
        return cls(_FRAME_IN.unpack_from(data)[0], data[_FRAME_IN.size :])


@dataclass(frozen=True, slots=True)
class FrameOut:
    """The answer to one frame. Times are microseconds; `rows` is how many rows shared the tick."""

    id: int
    kind: AnswerKind
    rows: int = 0
    rev: int = 0
    wait_us: int = 0
    decode_us: int = 0
    engine_us: int = 0
    encode_us: int = 0
    image: bytes = b""

    def encode(self) -> bytes:
        times = (min(t, 0xFFFFFFFF) for t in (self.wait_us, self.decode_us, self.engine_us, self.encode_us))
        return _FRAME_OUT.pack(self.id, self.kind, min(self.rows, 255), self.rev & 0xFFFF, *times) + self.image

    @classmethod
    def decode(cls, data: bytes) -> "FrameOut":
        """Raises WireError if the message is too short for the header or of an unknown kind."""
        if len(data) < HEADER_BYTES:
            raise WireError("bad_frame", f"an answer starts with {HEADER_BYTES} bytes of header; this one has {len(data)}")
        frame_id, kind, rows, rev, wait, decode, engine, encode = _FRAME_OUT.unpack_from(data)
        try:
            return cls(frame_id, AnswerKind(kind), rows, rev, wait, decode, engine, encode, data[HEADER_BYTES:])
        except ValueError as error:
            raise WireError("bad_frame", f"unknown kind of answer: {kind}") from error


def image_in(answer: bytes) -> bytes:
    """The image in an encoded `FrameOut`; empty where it brings none."""
    return answer[HEADER_BYTES:] if len(answer) > HEADER_BYTES and answer[_KIND] == AnswerKind.IMAGE else b""


def encode_text(message: dict[str, Any]) -> str:
    return json.dumps(message, separators=(",", ":"))


def decode_text(text: str) -> dict[str, Any]:
    """A text message as a dict with a `type`. Raises WireError with what is wrong."""
    try:
        message = json.loads(text)
    except (ValueError, RecursionError) as error:  # a number of too many digits is a plain ValueError
        raise WireError("bad_json", f"a text message must be JSON: {error}") from error
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise WireError("bad_message", 'a text message must be a JSON object with a "type"')
    return message


def ready(
    session: str, student: str, width: int, height: int, window: int, params: dict[str, Any], **more: Any
) -> dict[str, Any]:
    return {
        "type": "ready", "session": session, "student": student, "width": width, "height": height, "window": window,
        "params": params, **more,
    }  # fmt: skip


def params_in_force(rev: int, params: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "params", "rev": rev, **params, **more}


def error(code: str, message: str, frame_id: int | None = None) -> dict[str, Any]:
    body: dict[str, Any] = {"type": "error", "code": code, "message": message}
    if frame_id is not None:
        body["id"] = frame_id
    return body
