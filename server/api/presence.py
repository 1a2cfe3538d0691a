"""Work for a client who waits: given up when the client leaves."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from fastapi import Request

from .errors import ApiError

T = TypeVar("T")


async def _until_gone(request: Request) -> None:
    # the body has been read: the next message can only be that the client is gone
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def while_present(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """What the work gives; it is cancelled if the client goes away, which nobody is left to be told."""
    working = asyncio.ensure_future(work)
    watching = asyncio.ensure_future(_until_gone(request))
    try:
        await asyncio.wait((working, watching), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ApiError(499, "the client went away", "client_closed_request")
        return working.result()
    finally:
        watching.cancel()
        working.cancel()
