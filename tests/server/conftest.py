"""What tests of sessions share."""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from .hand import Client, HandQueue


@pytest.fixture
async def make_client() -> AsyncIterator[Callable[..., Client]]:
    """`make_client(...)`: a client whose session paints until the end of the test; the filter is off unless asked for."""
    pool, painting = ThreadPoolExecutor(1), []

    def make(similar: bool = False, **more: Any) -> Client:
        client = Client(HandQueue(), pool, **more)
        if not similar:
            client.params(similarity=None)
            client.sent.clear()
        painting.append(asyncio.ensure_future(client.session.paint()))
        return client

    yield make
    for task in painting:
        task.cancel()
    await asyncio.wait(painting)
    pool.shutdown()
