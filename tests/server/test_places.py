"""Places: what a key has at once, over all front ends that share a Redis, and none of it for ever."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from benchmarks.redis_server import RedisServer
from server import places as module
from server.places import NoPlace, Places
from server.queue.redis.connecting import asking


@pytest.fixture(scope="module")
def redis_server() -> Iterator[RedisServer]:
    """A real server, one node of a cluster."""
    with RedisServer(clustered=True) as server:
        yield server


@pytest.fixture
async def fronts(redis_server: RedisServer) -> AsyncIterator[list[Places]]:
    """Two front ends' places."""
    clients = [asking(redis_server.url) for _ in range(2)]
    places = [Places(client) for client in clients]
    await clients[0].flushall()
    yield places
    for one in places:
        await one.end()
    for client in clients:
        await client.aclose()


async def test_together(fronts: list[Places]) -> None:
    """Two front ends count one key together, and each kind apart; what is given back may be taken again."""
    one, other = fronts
    mine, theirs, third = (front.place("sessions", "key-alice", 2) for front in (one, other, other))
    await mine.take()
    await theirs.take()
    with pytest.raises(NoPlace, match="may have 2 live sessions at once, at all servers together"):
        await third.take()
    async with other.taken("stills", "key-alice", 2, 2), one.taken("sessions", "key-bob", 1):
        with pytest.raises(NoPlace, match="2 stills"):
            async with one.taken("stills", "key-alice", 2):
                pytest.fail("there is no place")
    await mine.leave()
    await mine.leave()
    await third.take()
    async with one.taken("stills", "key-alice", 2, 2):
        pass


async def test_more_than_there_are(fronts: list[Places]) -> None:
    """Several are taken all or none."""
    async with fronts[0].taken("stills", "key-alice", 3, 2):
        with pytest.raises(NoPlace):
            await fronts[1].place("stills", "key-alice", 3).take(2)
        await fronts[1].place("stills", "key-alice", 3).take(1)


async def test_who_comes_back(fronts: list[Places]) -> None:
    """Who comes back to what is its own is counted, whether there is room or not."""
    first, again, other = (fronts[0].place("sessions", "key-alice", 1) for _ in range(3))
    await first.take()
    await again.hold()
    await first.leave()
    with pytest.raises(NoPlace):
        await other.take()
    await again.leave()
    await other.take()


async def test_a_front_end_that_dies(fronts: list[Places], monkeypatch: pytest.MonkeyPatch) -> None:
    """What a front end had that says nothing any more is free after a while; one that lives keeps what it has."""
    monkeypatch.setattr(module, "_LASTS", 0.4)
    monkeypatch.setattr(module, "_AGAIN", 0.1)
    dead, alive = fronts
    await dead.place("sessions", "key-alice", 1).take()
    await dead.end()
    await alive.place("sessions", "key-bob", 1).take()
    async with asyncio.timeout(20):
        while True:
            try:
                await alive.place("sessions", "key-alice", 1).take()
                break
            except NoPlace:
                await asyncio.sleep(0.05)
    await asyncio.sleep(1.0)
    for owner in ("key-alice", "key-bob"):
        with pytest.raises(NoPlace):
            await dead.place("sessions", owner, 1).take()


async def test_nobody_shares_them() -> None:
    """Without a Redis, and for who has no number of its own, nothing is counted here."""
    places = Places(None)
    for _ in range(3):
        await places.place("sessions", "key-alice", 1).take()
    await places.end()


async def test_a_redis_that_is_gone(caplog: pytest.LogCaptureFixture) -> None:
    """Where counting does not work nobody is turned away for it, and the log says so, once in a while."""
    client: Any = asking("redis://127.0.0.1:1")
    places = Places(client)
    for _ in range(3):
        async with places.taken("stills", "key-alice", 1):
            pass
    assert len([line for line in caplog.records if "each counts for itself" in line.message]) == 1
    await client.aclose()


async def test_an_owner_without_a_number(fronts: list[Places]) -> None:
    """Whoever has no number of its own costs no question."""
    for _ in range(100):
        await fronts[0].place("sessions", "192.0.2.1", None).take()
