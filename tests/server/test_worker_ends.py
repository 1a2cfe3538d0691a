"""The worker: stopping, and engines that end it; nobody is left without an answer."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

import pytest

from engines.engine import Painted, Row
from engines.errors import EngineError
from engines.fake_engine import FakeEngine
from engines.student import Student
from server.codec_pool import CodecPool
from server.metrics import Metrics
from server.queue import MemoryQueue
from server.settings import load_settings
from server.shared import Shared
from server.status import State
from server.turns import Device
from server.types import Outcome
from server.worker import Worker
from tests.server.bench import PATIENCE


async def test_stop_answers_everything(make_bench: Any) -> None:
    """Stopping finishes the tick that runs and answers all the others."""
    bench = await make_bench(batch_sizes=(1, 2))
    held = await bench.hold()
    waiting = [bench.submit(owner=str(i)) for i in range(20)]
    await bench.until(lambda: bench.waiting() == 20)
    bench.queue.close()
    stopping = asyncio.ensure_future(asyncio.to_thread(bench.worker.stop))
    await bench.until(lambda: bench.worker._stopping)
    bench.engine.gate.set()
    await stopping
    results = await asyncio.wait_for(asyncio.gather(*waiting), PATIENCE)
    assert {(r.outcome, r.code) for r in results} == {(Outcome.FAILED, "shutting_down")}
    assert (await held).outcome is Outcome.IMAGE
    assert bench.state is State.STOPPED
    assert bench.engine.closed


@pytest.mark.parametrize("round_", range(5))
async def test_stop_while_jobs_come(make_bench: Any, round_: int) -> None:
    """Whenever it stops, each job that was taken in is answered."""
    bench = await make_bench()
    tasks = [bench.submit(owner=str(i)) for i in range(30)]
    await asyncio.sleep(0.002 * round_)
    bench.queue.close()
    await asyncio.to_thread(bench.worker.stop)
    done, pending = await asyncio.wait(tasks, timeout=PATIENCE)
    assert not pending
    for task in done:
        if task.exception() is None:
            assert task.result().outcome in (Outcome.IMAGE, Outcome.FAILED)


async def test_stop_before_start(student: Student) -> None:
    """A worker that never started stops at once."""
    pool = CodecPool(1)
    shared = Shared(pool, Metrics())
    worker = Worker(student, lambda say: pytest.fail("not asked"), MemoryQueue(1), load_settings({}), shared)
    worker.stop()
    pool.shutdown()


class Unstartable(FakeEngine):
    def warm_up(self) -> dict[int, float]:
        raise EngineError("the weights are missing: run make student")


async def test_an_engine_that_does_not_start(make_bench: Any, student: Student, caplog: pytest.LogCaptureFixture) -> None:
    """The worker says why, says it once, and its threads end."""
    bench = await make_bench(engine=Unstartable(student), ready=False)
    await bench.until(lambda: bench.failures)
    assert bench.state is State.FAILED
    assert bench.failures == ["the engine did not start: the weights are missing: run make student"]
    await asyncio.wait_for(asyncio.to_thread(bench.worker.stop), PATIENCE)
    assert not bench.worker._thread.is_alive()
    assert "Traceback" not in caplog.text


class Breaking(FakeEngine):
    """Answers fewer rows than it was given: a bug no engine should have."""

    def tick(self, rows: Sequence[Row]) -> list[Painted]:
        return []


async def test_an_engine_that_breaks_its_protocol(make_bench: Any, student: Student, caplog: pytest.LogCaptureFixture) -> None:
    """If the engine's thread cannot go on, every job is answered and the server is told to stop."""
    bench = await make_bench(engine=Breaking(student))
    with caplog.at_level(logging.CRITICAL):
        results = await asyncio.wait_for(asyncio.gather(*(bench.submit(owner=str(i)) for i in range(10))), PATIENCE)
    assert {result.outcome for result in results} == {Outcome.FAILED}
    assert bench.state is State.FAILED
    assert "the engine stopped working" in bench.failures[0]


async def test_beside_an_engine_that_hangs(make_bench: Any) -> None:
    """Whoever waits for a device that another engine holds and hangs on is answered as soon as those who wait for that one, is
    given up by nobody, and paints again when the device is free.
    """
    device, hasty = Device(), {"stuck_seconds": "0.3", "stuck_ticks": "1.1"}
    first, second = await make_bench(device=device, **hasty), await make_bench(device=device, **hasty)
    held = await first.hold()
    result = await asyncio.wait_for(second.submit(), PATIENCE)
    assert (result.outcome, result.code) == (Outcome.FAILED, "engine_stuck")
    assert "another student's engine" in result.message
    assert second.state is State.STUCK
    assert (await asyncio.wait_for(held, PATIENCE)).code == "engine_stuck"
    await first.until(lambda: first.state is State.FAILED)
    first.engine.gate.set()
    await second.until(lambda: second.state is State.READY)
    assert (await asyncio.wait_for(second.submit(), PATIENCE)).outcome is Outcome.IMAGE
