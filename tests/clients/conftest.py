"""A server to paint by for clients that block."""

import asyncio
import threading
from collections.abc import Iterator

import pytest

from tests.standing_in import StandIn, standing_in


@pytest.fixture
def threaded() -> Iterator[StandIn]:
    """A stand-in server with a loop of its own, in a thread."""
    loop, ready, over = asyncio.new_event_loop(), threading.Event(), asyncio.Event()
    found: list[StandIn] = []

    async def serve() -> None:
        async with standing_in(window=3) as stand_in:
            found.append(stand_in)
            ready.set()
            await over.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    assert ready.wait(20)
    yield found[0]
    loop.call_soon_threadsafe(over.set)
    thread.join(20)
    loop.close()
