"""A cluster of several nodes: whichever is named, each part of ours goes to the one that has its keys, wherever those go."""

import asyncio
import contextlib
from collections.abc import Iterator

import pytest
from redis.crc import key_slot
from redis.exceptions import RedisError

from benchmarks.redis_server import ALL_SLOTS, RedisServer
from server.keys import Keys
from server.places import COUNTS, NoPlace, Places
from server.queue.redis import QueueError, RedisSessions
from server.queue.redis.clients import at
from server.queue.redis.connecting import asking, blocking
from server.queue.redis.layout import Layout
from server.rates import Rates, TooFast
from server.session_store import Kept
from server.types import JobKind, Outcome, Result

from .conftest import PATIENCE, MakeSides
from .test_suspicion import _still, _submit

HALF = len(ALL_SLOTS) // 2
Nodes = tuple[RedisServer, RedisServer]


@contextlib.contextmanager
def _cluster() -> Iterator[Nodes]:
    with (
        RedisServer(clustered=True, slots=ALL_SLOTS[:HALF]) as one,
        RedisServer(clustered=True, slots=ALL_SLOTS[HALF:]) as other,
    ):
        one.meet(other)
        yield one, other


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    """Two nodes, each with half of all slots."""
    with _cluster() as nodes:
        yield nodes


@pytest.fixture
def own_nodes() -> Iterator[Nodes]:
    """The same for a test that may do anything to them."""
    with _cluster() as nodes:
        yield nodes


def _with(nodes: Nodes, key: str) -> Nodes:
    """The node that has a key, and the other one."""
    one, other = nodes
    return (one, other) if key_slot(key.encode()) < HALF else (other, one)


async def test_whichever_is_named(make_redis: MakeSides, nodes: Nodes, layout: Layout) -> None:
    """Front ends, workers, sessions and counts of different nodes meet all the same."""
    fronts, stores, clients = [], [], []
    for node in nodes:
        fronts.append(make_redis(url=node.url))
        stores.append(RedisSessions(node.url, 30.0))
        clients.append(asking(node.url))
    (asks, _), (_, paints) = fronts, fronts[::-1]
    [answer] = await _submit(asks, _still(1))
    [job] = await asyncio.to_thread(paints.take, JobKind.STILL, 1, PATIENCE)
    paints.deliver(Result(job.id, Outcome.IMAGE, b"painted"))
    assert (await asyncio.wait_for(answer, PATIENCE)).image == b"painted"
    for number, store in enumerate(stores):
        kept = Kept(f"token {number}", "watch", "live-1", "embedded", 1, {})
        store.open(lambda kept=kept: [kept], lambda token: None)  # type: ignore[misc]
    for token, store in (("token 0", stores[1]), ("token 1", stores[0])):
        async with asyncio.timeout(PATIENCE):
            while await store.take(token) is None:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
    one, other = (Places(client) for client in clients)
    async with one.taken("stills", "me", 1):
        with pytest.raises(NoPlace):
            async with other.taken("stills", "me", 1):
                pytest.fail("there is no place")
    first, second = (Rates("1/hour", Keys(), client) for client in clients)
    await first.take("me")
    with pytest.raises(TooFast):
        await second.take("me")
    for places in (one, other):
        await places.end()
    for store in stores:
        await store.end()
    for client in clients:
        await client.aclose()


async def test_keys_that_go_elsewhere(make_redis: MakeSides, nodes: Nodes, layout: Layout) -> None:
    """A queue whose slot is given to another node is followed there, and what was in it is queued again."""
    sides = make_redis(url=nodes[0].url)
    has, other = _with(nodes, layout.root)
    [answer] = await _submit(sides, _still(1))
    has.hand_over(key_slot(layout.root.encode()), other)
    [job] = await asyncio.to_thread(sides.take, JobKind.STILL, 1, PATIENCE)
    sides.deliver(Result(job.id, Outcome.IMAGE, b"painted"))
    assert (await asyncio.wait_for(answer, PATIENCE)).image == b"painted"


async def test_a_node_that_dies(own_nodes: Nodes) -> None:
    """Whoever was sent to it asks where they were told to ask, and goes where that says."""
    has, named = _with(own_nodes, COUNTS)
    client, thread = asking(named.url), blocking(named.url)
    assert (await client.exists(COUNTS), await asyncio.to_thread(thread.exists, COUNTS)) == (0, 0)
    has.kill()
    named.take_over(ALL_SLOTS[HALF:] if own_nodes[0] is named else ALL_SLOTS[:HALF])
    for ask in (client.exists, lambda key: asyncio.to_thread(thread.exists, key)):
        with contextlib.suppress(RedisError):
            await ask(COUNTS)
        assert await ask(COUNTS) == 0
    await client.aclose()
    thread.close()


@pytest.mark.parametrize(
    ("url", "goes_to"),
    [
        ("redis://named", "redis://10.0.0.1:7001"),
        ("rediss://user:p%40ss@named:1/?ssl_ca_certs=f", "rediss://user:p%40ss@10.0.0.1:7001/?ssl_ca_certs=f"),
    ],
)
def test_only_the_place_is_another(url: str, goes_to: str) -> None:
    """User, password, TLS and options go along."""
    assert at(url, "10.0.0.1", 7001) == goes_to
    assert "[fd00::1]:7001" in at(url, "fd00::1", 7001)


def test_a_socket_leads_nowhere_else() -> None:
    """Of a cluster that is named by a file, other nodes cannot be reached, and it is said what to do."""
    with pytest.raises(QueueError, match=r"10\.0\.0\.1:7001: name the cluster by redis://HOST:PORT"):
        at("unix:///run/redis.sock", "10.0.0.1", 7001)
