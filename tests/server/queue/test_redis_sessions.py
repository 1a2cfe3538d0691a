"""Sessions that several front ends know, in a real Redis."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from benchmarks.redis_server import RedisServer
from server.queue.redis import RedisSessions
from server.session_store import Kept
from tests.server.waiting import until

from .conftest import PATIENCE

Make = Callable[..., tuple[RedisSessions, list[Kept], list[str]]]


@pytest.fixture
async def make(redis_server: RedisServer) -> AsyncIterator[Make]:
    """`make(resume_seconds, url)`: a front end's store, its live sessions, and the tokens that it was told are taken."""
    stores: list[RedisSessions] = []

    def make(resume_seconds: float = 30.0, url: str = redis_server.url) -> tuple[RedisSessions, list[Kept], list[str]]:
        store, live, taken = RedisSessions(url, resume_seconds), list[Kept](), list[str]()
        stores.append(store)
        store.open(lambda: live, taken.append)
        return store, live, taken

    yield make
    for store in stores:
        await store.end()


async def _found(store: RedisSessions, token: str) -> Kept:
    """The session, as soon as it was kept."""
    for _ in range(int(PATIENCE / 0.05)):
        if (kept := await store.take(token)) is not None:
            return kept
        await asyncio.sleep(0.05)
    pytest.fail("it was not kept in time")


async def test_taken_over(make: Make) -> None:
    """What is in force in a session is found by another front end, and the one that had it is told that it is gone."""
    (_, live, taken), (other, _, none) = make(), make()
    kept = Kept("token 1", "watch", "live-1", "embedded", 3, {"prompt": "a boat", "seed": 7})
    live.append(kept)
    assert await _found(other, "token 1") == kept
    await until(lambda: taken == ["token 1"], PATIENCE)
    assert none == []


async def test_changed(make: Make) -> None:
    """What was changed last is what is found."""
    (_, live, _), (other, _, _) = make(), make()
    live.append(Kept("token 2", "w", "live-2", "embedded", 1, {"seed": 1}))
    await _found(make()[0], "token 2")
    live[0] = Kept("token 3", "w", "live-2", "embedded", 2, {"seed": 2})
    assert (await _found(other, "token 3")).params == {"seed": 2}


async def test_nobody(make: Make) -> None:
    """A token that nobody has finds nothing."""
    store, _, _ = make()
    assert await store.take("no such token") is None


async def test_no_server(make: Make) -> None:
    """Where nobody can be asked, nothing is found, at once."""
    store, _, _ = make(url="redis://127.0.0.1:9")
    assert await store.take("token") is None
