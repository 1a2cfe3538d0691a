"""Opening a stream's socket: the address, the key, the server's greeting, and when to try again."""

import asyncio
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.typing import Subprotocol

from wire import SUBPROTOCOL, WireError, decode_text

from .errors import Gone, Refused, from_close, from_status

PATH = "/v1/stream"
MAX_MESSAGE = 64 * 2**20
"""Bytes. Far above any image a student makes; a bound all the same."""

RESUME_WITHIN = 30.0
"""Seconds for which a server keeps the parameters of a dropped connection."""


def stream_url(url: str, student: str | None = None, resume: str | None = None) -> str:
    """The address of a stream: http becomes ws, a bare host gets the path, options join the query."""
    parts = urlsplit(url)
    scheme = {"http": "ws", "https": "wss"}.get(parts.scheme, parts.scheme)
    query = dict(parse_qsl(parts.query))
    query |= {name: value for name, value in (("student", student), ("resume", resume)) if value is not None}
    return urlunsplit((scheme, parts.netloc, parts.path if parts.path.strip("/") else PATH, urlencode(query), ""))


def backoff() -> Iterator[float]:
    """Seconds to wait before each attempt to come back: at once, then ever less often, for RESUME_WITHIN in all."""
    delay, total = 0.0, 0.0
    while total + delay <= RESUME_WITHIN:
        yield delay
        total += delay
        delay = min(max(0.1, delay * 2), 5.0)


async def open_stream(url: str, key: str | None, timeout: float) -> tuple[ClientConnection, dict[str, Any]]:
    """A connected socket and the server's ready message. Raises a StreamError; `timeout` is seconds."""
    headers = {"Authorization": f"Bearer {key}"} if key else None
    try:
        socket = await connect(
            url, subprotocols=[Subprotocol(SUBPROTOCOL)], compression=None, additional_headers=headers,
            max_size=MAX_MESSAGE, open_timeout=timeout, close_timeout=2.0,
        )  # fmt: skip
    except InvalidStatus as failed:
        raise from_status(failed) from None
    except (OSError, TimeoutError, InvalidHandshake) as failed:
        raise Gone(f"cannot open a stream at {url}: {failed or type(failed).__name__}") from failed
    try:
        return socket, await _greeting(socket, timeout)
    except BaseException:
        await socket.close()
        raise


async def _greeting(socket: ClientConnection, timeout: float) -> dict[str, Any]:
    try:
        async with asyncio.timeout(timeout):
            message = decode_text(str(await socket.recv()))
    except ConnectionClosed as closed:
        raise from_close(closed) from None
    except WireError as broken:
        raise Refused(f"the server broke the protocol: {broken}") from broken
    except TimeoutError:
        raise Gone(f"the server accepted the connection and then said nothing for {timeout:g} s") from None
    if message["type"] == "error":
        raise Refused(f"{message.get('message')} ({message.get('code')})")
    missing = {"session", "student", "width", "height", "window", "params"} - message.keys()
    if message["type"] != "ready" or missing:
        raise Refused(f"the first message must be a complete ready, not {message['type']} without {sorted(missing)}")
    return message
