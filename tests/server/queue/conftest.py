"""Queues of every kind, with both their sides in this process."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import Any

import pytest

from benchmarks.redis_server import RedisServer
from server.queue import FrontQueue, MemoryQueue, WorkerQueue
from server.queue.redis import RedisFrontQueue, RedisWorkerQueue
from server.queue.redis import layout as redis_layout
from server.queue.redis.layout import Layout
from server.types import Job, JobKind, Result
from tests.server.waiting import until

PATIENCE = 20.0

_names = itertools.count()


class Sides:
    """A queue with both its sides in hand."""

    def __init__(self, front: FrontQueue, worker: WorkerQueue) -> None:
        self.front, self.worker = front, worker

    async def submit(self, job: Job) -> Result:
        return await self.front.submit(job)

    def take(self, kind: JobKind, most: int, timeout: float) -> list[Job]:
        return self.worker.take(kind, most, timeout)

    def deliver(self, result: Result) -> None:
        self.worker.deliver(result)

    def give_back(self, job: Job, blamed: bool = False) -> None:
        self.worker.give_back(job, blamed)

    def wanted(self, jobs: Iterable[int]) -> set[int]:
        return self.worker.wanted(jobs)

    def waiting(self) -> int:
        return self.front.waiting()

    def in_flight(self) -> int:
        return self.front.in_flight()

    def has_room(self, owner: str, pipeline: int) -> bool:
        return self.front.has_room(owner, pipeline)

    def close(self) -> None:
        self.front.close()
        self.worker.close()

    async def arrived(self) -> None:
        """Return when all that was submitted is where workers find it."""
        await asyncio.sleep(0)
        if isinstance(self.front, RedisFrontQueue):
            await until(lambda: all(one.arrived for one in self.front._open.values()), PATIENCE)  # type: ignore[attr-defined]


MakeSides = Callable[..., Sides]


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """A real server, one node of a cluster: a script that touched a key out of its place would fail."""
    with RedisServer(clustered=True) as server:
        yield server


@pytest.fixture
def layout() -> Layout:
    """A place in Redis that nobody else uses."""
    return Layout(f"student {next(_names)}", "1-build")


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Who falls silent is given up sooner."""
    for name, seconds in (("SILENT_LIVE", 0.6), ("SILENT", 1.2), ("FRONT_SILENT", 1.2)):
        monkeypatch.setattr(redis_layout, name, seconds)
    redis_layout.script.cache_clear()
    yield
    redis_layout.script.cache_clear()


@pytest.fixture
async def make_redis(redis_server: RedisServer, layout: Layout) -> AsyncIterator[MakeSides]:
    """`make_redis(capacity, unpainted)`: a front end and a worker, for the same student as all others of the test.

    A worker that is not `alive` takes jobs, and is never heard of otherwise: as one that was killed.
    """
    made: list[tuple[RedisFrontQueue, RedisWorkerQueue]] = []

    def make(
        capacity: int = 100,
        unpainted: Any = lambda job, result: None,
        url: str = redis_server.url,
        at: Layout = layout,
        alive: bool = True,
    ) -> Sides:
        front, worker = RedisFrontQueue(url, at, capacity, unpainted), RedisWorkerQueue(url, at)
        made.append((front, worker))
        front.open()
        if alive:
            worker.start()
        return Sides(front, worker)

    yield make
    for front, worker in made:
        front.close()
        await front.end()
        await asyncio.to_thread(worker.leave, 5.0)


@pytest.fixture(params=["memory", "redis"])
def make_queue(request: pytest.FixtureRequest) -> MakeSides:
    """`make_queue(capacity, unpainted)`, once for every implementation."""
    if request.param == "redis":
        made: MakeSides = request.getfixturevalue("make_redis")
        return made

    def make(capacity: int = 100, unpainted: Any = lambda job, result: None) -> Sides:
        queue = MemoryQueue(capacity, unpainted)
        return Sides(queue, queue)

    return make
