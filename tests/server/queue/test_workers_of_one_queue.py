"""Workers beside each other on one queue in Redis: what one cannot finish another paints, whole."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest

from benchmarks.redis_server import RedisServer
from engines.student import Student
from server.codec_pool import CodecPool
from server.metrics import Metrics
from server.queue.redis import RedisFrontQueue, RedisWorkerQueue
from server.queue.redis.layout import Layout
from server.settings import load_settings
from server.shared import Shared
from server.status import State
from server.types import Job, Outcome
from server.worker import Worker
from tests.server.bench import Gated, GatedEngine, SteppedEngine
from tests.server.waiting import until

from .conftest import PATIENCE

Hire = Callable[..., tuple[Worker, Gated, RedisWorkerQueue]]


@pytest.fixture
def steps(student: Student) -> Student:
    """A student of three steps."""
    return replace(student, contract=replace(student.contract, times=(1.0, 0.6, 0.3)))


@pytest.fixture
async def hire(redis_server: RedisServer, layout: Layout, steps: Student) -> AsyncIterator[Hire]:
    """`hire(engine, setting=...)`: a worker of that engine, at work."""
    pool, hired = CodecPool(2), list[tuple[Worker, Gated, RedisWorkerQueue]]()

    def hire(engine: type[Gated], **flags: str) -> tuple[Worker, Gated, RedisWorkerQueue]:
        made, queue = engine(steps, (1,)), RedisWorkerQueue(redis_server.url, layout)
        worker = Worker(steps, lambda say: made, queue, load_settings({"engine": "fake", **flags}), Shared(pool, Metrics()))
        worker.board.subscribe(queue.announce)
        hired.append((worker, made, queue))
        queue.start()
        worker.start()
        return worker, made, queue

    yield hire
    for worker, engine, queue in hired:
        engine.gate.set()
        if isinstance(engine, SteppedEngine):
            for _ in range(9):
                engine.step()
        queue.close()
        await asyncio.to_thread(worker.stop)
        await asyncio.to_thread(queue.leave, PATIENCE)
    pool.shutdown()


@pytest.fixture
async def front(redis_server: RedisServer, layout: Layout) -> AsyncIterator[RedisFrontQueue]:
    queue = RedisFrontQueue(redis_server.url, layout, 100)
    queue.open()
    yield queue
    queue.close()
    await queue.end()


def _job(number: int) -> Job:
    now = time.monotonic()
    return Job(number, "me", "openai", (("a boat", 1.0),), 7, now, now + 60, format="png")


def _steps(engine: Gated) -> list[int]:
    return [row.index for rows in engine.ticks for row in rows]


async def test_it_begins_again_elsewhere(hire: Hire, front: RedisFrontQueue) -> None:
    """A job of several steps whose worker leaves between them is painted by another from its first step, to the same pixels."""
    whole = asyncio.create_task(front.submit(_job(1)))
    alone = hire(GatedEngine)
    expected = (await whole).image
    await _leave(alone)
    leaving = hire(SteppedEngine)
    broken = asyncio.create_task(front.submit(_job(2)))
    stepped = leaving[1]
    assert isinstance(stepped, SteppedEngine)
    stepped.step()
    await until(lambda: _steps(stepped) == [0, 1], PATIENCE)
    leaving[0].begin_stop()
    stepped.step()
    await _leave(leaving)
    other = hire(GatedEngine)
    result = await asyncio.wait_for(broken, PATIENCE)
    assert (result.outcome, result.image == expected) == (Outcome.IMAGE, True)
    assert (_steps(stepped), _steps(other[1])) == ([0, 1], [0, 1, 2])


async def _leave(hired: tuple[Worker, Gated, RedisWorkerQueue]) -> None:
    worker, _, queue = hired
    queue.close()
    await asyncio.to_thread(worker.stop)
    await asyncio.to_thread(queue.leave, PATIENCE)


async def test_an_engine_that_hangs(hire: Hire, front: RedisFrontQueue) -> None:
    """What a worker with a hanging engine has is another's, and it takes nothing more while it hangs."""
    hanging = hire(GatedEngine, stuck_seconds="0.3", stuck_ticks="1.01")
    worker, engine, _ = hanging
    engine.gate.clear()
    answers = [asyncio.create_task(front.submit(_job(number))) for number in (1, 2, 3)]
    await until(engine.ticking.is_set, PATIENCE)
    await until(lambda: worker.board.read().state in (State.STUCK, State.FAILED), PATIENCE)
    hire(GatedEngine)
    assert {result.outcome for result in await asyncio.wait_for(asyncio.gather(*answers), PATIENCE)} == {Outcome.IMAGE}
    assert worker.in_flight() == 0
