"""The worker with jobs of several steps, and with ticks that overlap."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from engines.student import Student
from server.types import Outcome
from tests.server.bench import one_by_one, overlapping


@one_by_one
async def test_jobs_of_two_steps(make_bench: Any, student: Student, encoded: Any) -> None:
    """Jobs of several steps share ticks with others at other steps, and those begun go first."""
    two = replace(student, contract=replace(student.contract, times=(1.0, 0.5)))
    bench = await make_bench(batch_sizes=(1, 2), of=two)
    held = await bench.hold()
    tasks = [bench.submit(str(i), str(i)) for i in range(3)] + [bench.submit(image=encoded(), strength=0.3, owner="x")]
    await bench.until(lambda: bench.waiting() == 4)
    bench.engine.gate.set()
    results = await asyncio.gather(held, *tasks)
    assert {result.outcome for result in results} == {Outcome.IMAGE}
    indices = [[row.index for row in rows] for rows in bench.engine.ticks]
    assert any(len(set(tick)) == 2 for tick in indices)
    assert sum(map(len, indices)) == 4 * 2 + 1
    assert len(bench.engine._slots) == 0


@one_by_one
async def test_a_step_too_late(make_bench: Any, student: Student) -> None:
    """A job of two steps whose owner leaves between them is not continued, and its latents are freed."""
    two = replace(student, contract=replace(student.contract, times=(1.0, 0.5)))
    bench = await make_bench(batch_sizes=(1,), of=two)
    held = await bench.hold()
    held.cancel()
    await asyncio.wait([held])
    bench.engine.gate.set()
    assert (await bench.submit("next")).outcome is Outcome.IMAGE
    assert [rows[0].index for rows in bench.engine.ticks] == [0, 0, 1]
    assert len(bench.engine._slots) == 0


@overlapping
async def test_the_next_step_does_not_wait(make_bench: Any, student: Student) -> None:
    """A job's second step is brought to the device while its first one runs; leaving then frees its slot all the same."""
    two = replace(student, contract=replace(student.contract, times=(1.0, 0.5)))
    bench = await make_bench(batch_sizes=(1,), of=two)
    held = await bench.hold()
    await bench.until(lambda: len(bench.engine.ticks) == 2)
    assert [rows[0].index for rows in bench.engine.ticks] == [0, 1]
    held.cancel()
    await asyncio.wait([held])
    bench.engine.gate.set()
    assert (await bench.submit("next")).outcome is Outcome.IMAGE
    assert len(bench.engine._slots) == 0


@overlapping
@pytest.mark.parametrize("fault", ["fake:error", "fake:nan", "fake:refuse"])
async def test_a_first_step_that_fails(make_bench: Any, student: Student, fault: str) -> None:
    """A job whose first step fails is answered once, whatever its second one gives, and those beside it are painted."""
    two = replace(student, contract=replace(student.contract, times=(1.0, 0.5)))
    bench = await make_bench(of=two)
    held = await bench.hold()
    tasks = [bench.submit(prompt, owner=str(i)) for i, prompt in enumerate(["one", fault])]
    await bench.until(lambda: len(bench.engine.ticks) == 2)
    bench.engine.gate.set()
    one, failed = await asyncio.gather(*tasks)
    assert (one.outcome, failed.outcome, failed.code) == (Outcome.IMAGE, Outcome.FAILED, "engine_error")
    assert (await held).outcome is Outcome.IMAGE
    assert (await bench.submit("after")).outcome is Outcome.IMAGE
    assert bench.count(Outcome.FAILED) == 1
    assert len(bench.engine._slots) == 0


@overlapping
async def test_stop_finishes_both(make_bench: Any) -> None:
    """Stopping finishes the tick that runs and the one that was brought beside it."""
    bench = await make_bench(batch_sizes=(1,))
    held = [await bench.hold(), bench.submit(owner="beside")]
    await bench.until(lambda: len(bench.engine.ticks) == 2)
    bench.worker.begin_stop()
    bench.engine.gate.set()
    assert {(await one).outcome for one in held} == {Outcome.IMAGE}
