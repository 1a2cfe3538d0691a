"""Reads the body of a request within its bounds, and gives it to the route afterwards."""

import asyncio
import json
from typing import Any

from starlette.types import Message, Receive

from ..shallow import complaint
from .doors import JSON
from .errors import ApiError

_AT_ONCE = 64 << 10
"""Bytes of JSON that are parsed in some hundred microseconds, whatever is in them."""
_MARKS = (b",", b"[", b"{", b"\\")
"""What costs time in JSON: values, and escapes."""


class Gone(Exception):
    """The client is gone, and nobody waits for an answer."""


async def read(receive: Receive, most: int, seconds: float) -> bytes:
    """The whole body. Raises ApiError when it is more than `most` bytes, or takes longer, and Gone."""
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise Gone
                body += message.get("body", b"")
                if len(body) > most:
                    raise too_large(most)
                if not message.get("more_body", False):
                    return bytes(body)
    except TimeoutError:
        raise ApiError(408, f"the body did not come within {seconds:g} s", "timeout") from None


def too_large(most: int) -> ApiError:
    return ApiError(413, f"the request is larger than {most} bytes, the most taken here", "request_too_large")


async def judge(body: bytes, most_values: int, most_marks: int) -> None:
    """Raises ApiError when a body is not JSON, or more of it than anybody needs.

    `most_marks`: commas, brackets and escapes in a long one. It is parsed on a thread, which helps nobody against a million
    of them, since the parser lets nobody else run.
    """
    if len(body) <= _AT_ONCE:
        _judge(body, most_values)
        return
    if sum(map(body.count, _MARKS)) > most_marks:
        why = f"the body is long, and has more than {most_marks} commas, brackets and escapes"
        raise ApiError(400, why, "invalid_value")
    await asyncio.to_thread(_judge, body, most_values)


def _judge(body: bytes, most_values: int) -> None:
    if not body:
        return  # what it lacks, the route says
    try:
        value: Any = json.loads(body)
    except (ValueError, RecursionError):  # UnicodeDecodeError is one, and a number of too many digits
        raise ApiError(400, "the body is not JSON, or nested too deeply", "bad_json") from None
    if (why := complaint(value, most_values)) is not None:
        raise ApiError(400, f"the body has {why}", "invalid_value")


def is_json(kind: str) -> bool:
    """Whether a content type is JSON's."""
    return kind == JSON or (kind.startswith("application/") and kind.endswith("+json"))


def replay(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives this body first, and then what comes after it: that the client is gone."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return waiting.pop() if waiting else await receive()

    return again
