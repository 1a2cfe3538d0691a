"""The worker with the GPU engine, on a double of the device: what overlaps there, and what becomes of what fails there."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from engines.engine import Row
from engines.gpu.cuda import DeviceLost, OutOfDeviceMemory
from engines.student import Student
from server import codec
from server.codec_pool import CodecPool
from server.metrics import Metrics
from server.queue import MemoryQueue
from server.session import next_job_id
from server.settings import load_settings
from server.shared import Shared
from server.status import State, Status
from server.types import Job, Outcome, Result
from server.worker import Worker
from tests.engines.gpu.double import CudaDouble
from tests.engines.gpu.studio import Studio, small, two_steps

FULL = OutOfDeviceMemory("out of device memory: ask for smaller ticks")


@dataclass
class Bench:
    """A worker at work on a double. `most` is how many ticks were under way at once."""

    studio: Studio
    queue: MemoryQueue
    worker: Worker
    failures: list[str] = field(default_factory=list)

    async def paint(self, seed: int) -> Result:
        now = time.monotonic()
        prompt = (("a boat", 1.0),)
        return await self.queue.submit(
            Job(next_job_id(), f"owner {seed % 3}", "stream", prompt, seed, now, now + 60, format="png")
        )

    async def paint_all(self, count: int) -> list[Result]:
        return await asyncio.gather(*(self.paint(seed) for seed in range(count)))

    def most_under_way(self) -> int:
        """Ticks given to the device and not waited for, at most."""
        most = under_way = 0
        for call in self.studio.double.calls:
            under_way += {"launch_graph": 1, "synchronise": -1}.get(call, 0)
            most = max(most, under_way)
        return most


@pytest.fixture(params=[1, 2], ids=["one step", "two steps"])
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    student = small()
    if request.param == 2:
        student = replace(student, contract=two_steps(student))
    studio, queue, pool = Studio(CudaDouble(), student), MemoryQueue(1000), CodecPool(2)
    # a double takes no time of its own, so it says what a device would take: time to bring a second tick beside the first
    studio.engine.warm_up()
    studio.engine.warm_up = lambda: dict.fromkeys(studio.sizes, 0.02)  # type: ignore[method-assign]
    failures: list[str] = []
    settings, shared = load_settings({"engine": "fake"}), Shared(pool, Metrics())
    worker = Worker(studio.engine.student, lambda _: studio.engine, queue, settings, shared)

    def published(status: Status) -> None:
        if status.state is State.FAILED:
            failures.append(status.error)
            queue.close()

    worker.board.subscribe(published)
    made = Bench(studio, queue, worker, failures)
    worker.start()
    while not worker.board.read().ready:  # noqa: ASYNC110
        await asyncio.sleep(0.002)
    yield made
    queue.close()
    await asyncio.to_thread(worker.stop)
    pool.shutdown()


def expected(student: Student, seed: int) -> bytes:
    """What this seed is alone, on an engine of its own."""
    studio = Studio(student=student)
    prompt = studio.engine.condition("a boat")
    steps = student.contract.still()
    rows = [Row(1, i, step, i == len(steps) - 1, prompt, seed) for i, step in enumerate(steps)]
    images = [studio.engine.tick([row])[0].image for row in rows]
    assert images[-1] is not None
    return codec.encode(images[-1], "png", 90, marked=True)


async def test_overlapping(bench: Bench) -> None:
    """Two ticks are under way at a time, the host waits once for each, and every image is what it is alone."""
    await bench.paint(100)  # its prompt is another wait
    bench.studio.double.calls.clear()
    results = await bench.paint_all(24)
    assert {result.outcome for result in results} == {Outcome.IMAGE}
    assert bench.most_under_way() == 2
    calls = bench.studio.double.calls
    assert calls.count("synchronise") == calls.count("launch_graph")
    for seed in (0, 11, 23):
        assert results[seed].image == expected(bench.studio.student, seed)


@pytest.mark.parametrize("call", ["copy_in", "launch_graph", "synchronise"])
async def test_out_of_memory_in_a_tick(bench: Bench, call: str) -> None:
    """A tick for which there is no memory fails or is done again row by row; jobs beside it and after it are painted."""
    await bench.paint(100)
    bench.studio.double.fail(call, FULL)
    results = await bench.paint_all(12)
    failed = [result for result in results if result.outcome is Outcome.FAILED]
    assert all("out of device memory: ask for smaller ticks" in result.message or "gone" in result.message for result in failed)
    assert len(failed) <= 2 * bench.studio.sizes[-1]
    assert {result.outcome for result in await bench.paint_all(4)} == {Outcome.IMAGE}
    assert len(bench.studio.engine._staging.slots) == 0
    assert not bench.failures


async def test_no_memory_at_all(bench: Bench) -> None:
    """If there is none for a single row either, the job fails and says what to do; the worker goes on."""
    for _ in range(2):
        bench.studio.double.fail("launch_graph", FULL)
    result = await bench.paint(0)
    assert (result.outcome, result.code) == (Outcome.FAILED, "engine_error")
    assert "ask for smaller ticks" in result.message
    await bench.paint(1)
    assert (await bench.paint(2)).outcome is Outcome.IMAGE


async def test_a_lost_device(bench: Bench) -> None:
    """A device that is lost stops the worker with its reason, and nobody is left without an answer."""
    await bench.paint(100)
    bench.studio.double.fail("launch_graph", DeviceLost("the device is lost to this process: start the server again"))
    results = await asyncio.wait_for(bench.paint_all(12), 20)
    assert {result.outcome for result in results} <= {Outcome.FAILED, Outcome.IMAGE}
    assert Outcome.FAILED in {result.outcome for result in results}
    assert bench.worker.board.read().state is State.FAILED
    assert "start the server again" in bench.failures[0]


async def test_a_device_lost_in_a_prompt(bench: Bench) -> None:
    """A device that is lost while a prompt is encoded stops the worker as well."""
    bench.studio.double.fail("synchronise", DeviceLost("the device is lost to this process: start the server again"))
    assert (await asyncio.wait_for(bench.paint(0), 20)).outcome is Outcome.FAILED
    assert bench.worker.board.read().state is State.FAILED


async def test_pixels_are_whole(bench: Bench) -> None:
    """An image is the caller's own: the lane that it came in is written to again by the tick after next."""
    first, *_ = await bench.paint_all(9)
    again = await bench.paint(0)
    np.testing.assert_array_equal(codec.decode(first.image, 64, 64), codec.decode(again.image, 64, 64))
