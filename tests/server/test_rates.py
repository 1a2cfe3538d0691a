"""Rates: how many an owner may begin in a time, in memory and by front ends that share a Redis."""

import asyncio
import tracemalloc
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from benchmarks.redis_server import RedisServer
from server.key_file import make_key, write_keys
from server.keys import Keys
from server.queue.redis.connecting import asking
from server.rates import Rates, TooFast
from server.settings import SettingsError, load_settings


@pytest.fixture(scope="module")
def redis_server() -> Iterator[RedisServer]:
    """A real server, one node of a cluster."""
    with RedisServer(clustered=True) as server:
        yield server


def rates(keys: Keys | None = None, rate: str | None = None, redis: Any = None) -> Rates:
    return Rates(rate, Keys() if keys is None else keys, redis)


async def test_as_many_as_may() -> None:
    """So many may be begun, by each owner; one more says when, and is not counted."""
    some = rates(rate="3/hour")
    await some.take("me", 2)
    with pytest.raises(TooFast, match=r"more than 3/hour .* try again in \d+ seconds"):
        await some.take("me", 2)
    await some.take("me")
    await some.take("another", 3)
    with pytest.raises(TooFast) as refused:
        await some.take("me")
    assert 1 <= refused.value.seconds <= 3600


async def test_as_time_goes_on() -> None:
    """Whoever does not stop is refused, and what was begun long enough ago counts no more."""
    some = rates(rate="2/second")

    async def hurry() -> None:
        for _ in range(1000):
            await some.take("me")

    with pytest.raises(TooFast, match=r"in [12] seconds"):
        await hurry()
    async with asyncio.timeout(20):
        while True:
            with suppress(TooFast):
                return await some.take("me")
            await asyncio.sleep(0.1)


async def test_what_is_remembered_is_little() -> None:
    """However much an owner begins, a few numbers are kept of it."""
    some = rates(rate="1000000/hour")
    await some.take("me")
    tracemalloc.start()
    try:
        for _ in range(2000):
            await some.take("me")
        assert tracemalloc.get_traced_memory()[0] < 50_000
    finally:
        tracemalloc.stop()


async def test_none() -> None:
    """Without a rate nobody is held to one."""
    some = rates()
    for _ in range(1000):
        await some.take("me", 10)


async def test_a_rate_of_its_own(tmp_path: Path) -> None:
    """A key's own rate comes before that of the settings."""
    entries = [make_key("quick", rate="100/hour")[1], make_key("slow", rate="1/hour")[1], make_key("plain")[1]]
    write_keys(tmp_path / "keys.json", tuple(entries))
    some = rates(Keys((), tmp_path / "keys.json"), "2/hour")
    for owner, may in (("key-quick", 100), ("key-slow", 1), ("key-plain", 2)):
        await some.take(owner, may)
        with pytest.raises(TooFast):
            await some.take(owner)


async def test_shared(redis_server: RedisServer) -> None:
    """Two front ends at one Redis count together."""
    clients = [asking(redis_server.url) for _ in range(2)]
    one, other = (rates(rate="3/hour", redis=client) for client in clients)
    await one.take("me", 2)
    await other.take("me")
    for front in (one, other):
        with pytest.raises(TooFast):
            await front.take("me")
    for client in clients:
        await client.aclose()


async def test_a_redis_that_is_gone(caplog: pytest.LogCaptureFixture) -> None:
    """Where counting does not work nobody is turned away for it, and the log says so, once in a while."""
    client = asking("redis://127.0.0.1:1")
    some = rates(rate="1/hour", redis=client)
    for _ in range(3):
        await some.take("me")
    assert len([line for line in caplog.records if "nobody is held to one" in line.message]) == 1
    await client.aclose()


@pytest.mark.parametrize("rate", ["often", "0", "ten per minute", "5"])
def test_what_is_no_rate(rate: str) -> None:
    """A rate that is none is refused at the start, with one that is."""
    with pytest.raises(SettingsError, match="60/minute"):
        load_settings({"rate": rate})
