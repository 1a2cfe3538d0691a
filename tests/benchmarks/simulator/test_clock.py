"""The clock of simulations: seconds pass in jumps, in order, and nobody waits for them."""

import asyncio
import threading
import time

import pytest

from benchmarks.simulator.clock import Deadlock, SimulatedLoop


def test_hours_pass_at_once() -> None:
    """An hour of sleep is an hour on the loop's clock, and none on ours."""

    async def sleep() -> float:
        await asyncio.sleep(3600)
        return asyncio.get_running_loop().time()

    began = time.monotonic()
    with asyncio.Runner(loop_factory=SimulatedLoop) as runner:
        assert runner.run(sleep()) == pytest.approx(3600)
    assert time.monotonic() - began < 60


def test_order() -> None:
    """What is due first happens first, whoever asked first."""
    happened = []

    async def both() -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(2, lambda: happened.append(("late", loop.time())))
        loop.call_later(1, lambda: happened.append(("early", loop.time())))
        await asyncio.sleep(3)

    with asyncio.Runner(loop_factory=SimulatedLoop) as runner:
        runner.run(both())
    assert happened == [("early", pytest.approx(1)), ("late", pytest.approx(2))]


def test_deadlock() -> None:
    """Who waits for what never comes is told."""

    async def wait() -> None:
        await asyncio.Event().wait()

    loop = SimulatedLoop()
    task = loop.create_task(wait())
    with pytest.raises(Deadlock):
        loop.run_until_complete(task)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        loop.run_until_complete(task)
    loop.close()


def test_threads_of_its_own() -> None:
    """A simulation makes no thread."""
    before = threading.active_count()
    with asyncio.Runner(loop_factory=SimulatedLoop) as runner:
        runner.run(asyncio.sleep(1))
    assert threading.active_count() == before
