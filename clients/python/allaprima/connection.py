"""Opening a stream's socket: the key, the server's greeting, and when to try again."""

import asyncio
from collections.abc import Iterator
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.typing import Subprotocol

from .errors import Gone, Refused, from_close, from_status
from .protocol import wire

MAX_MESSAGE = 64 * 2**20
"""Bytes. Far above any image a student makes; a bound all the same."""

RESUME_WITHIN = 30.0
"""Seconds for which a server keeps the parameters of a dropped connection."""


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
            url, subprotocols=[Subprotocol(wire.SUBPROTOCOL)], compression=None, additional_headers=headers,
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
            message = wire.decode_text(str(await socket.recv()))
    except ConnectionClosed as closed:
        raise from_close(closed) from None
    except wire.WireError as broken:
        raise Refused(f"the server broke the protocol: {broken}") from broken
    except TimeoutError:
        raise Gone(f"the server accepted the connection and then said nothing for {timeout:g} s") from None
    if message["type"] == "error":
        raise Refused(f"{message.get('message')} ({message.get('code')})")
    missing = {"session", "student", "width", "height", "window", "params"} - message.keys()
    if message["type"] != "ready" or missing:
        raise Refused(f"the first message must be a complete ready, not {message['type']} without {sorted(missing)}")
    return message
