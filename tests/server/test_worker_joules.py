"""The worker: whose joules."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from engines.student import Student
from server.energy.meter import MeterName
from tests.server.bench import Bench


def _metered(bench: Bench) -> MeterName:
    """A meter whose first window, an idle one, took nothing: so all that it counts from here on is painting."""
    meter = MeterName("gpu0", "nvml")
    bench.ledger.enrol(meter)
    bench.ledger.close({meter: 0})
    return meter


async def test_joules_of_images_that_share_a_tick(make_bench: Any) -> None:
    """An image's joules are its equal share of its tick's seconds, at the watts that painting took in the windows before."""
    bench = await make_bench()
    meter = _metered(bench)
    first = await bench.submit()
    assert (first.joules, first.meter) == (None, "")  # no window in which anybody painted has closed
    bench.ledger.close({meter: 1_000_000})
    held = await bench.hold()
    tasks = [bench.submit(owner=str(i)) for i in range(2)]
    await bench.until(lambda: bench.waiting() == 2)
    bench.engine.gate.set()
    for result in await asyncio.gather(*tasks):
        assert result.rows == 2
        assert result.joules == pytest.approx(bench.ledger.estimate(result.timings.engine / 2).joules)
        assert result.joules > 0
        assert result.meter == "nvml"
    await held


async def test_joules_of_several_ticks(make_bench: Any, student: Student) -> None:
    """An image of two steps took what both of its ticks took."""
    two = replace(student, contract=replace(student.contract, times=(1.0, 0.5)))
    bench = await make_bench(of=two)
    meter = _metered(bench)
    await bench.submit()
    bench.ledger.close({meter: 1_000_000})
    result = await bench.submit()
    assert len(bench.engine.ticks) == 4
    assert result.joules == pytest.approx(bench.ledger.estimate(result.timings.engine).joules)


async def test_whose_ticks(make_bench: Any) -> None:
    """Each tick is booked on its rows' sessions, and on its student with the images it finished."""
    bench = await make_bench()
    meter = _metered(bench)
    bench.ledger.enter("me")
    bench.ledger.enter("nobody")
    await bench.submit(session="me")
    await bench.submit("fake:error", session="me")
    bench.ledger.close({meter: 8_000_000})
    assert bench.ledger.joules_per_image() == {("embedded", "nvml"): 8.0}
    mine, nobodys = bench.ledger.leave("me"), bench.ledger.leave("nobody")
    assert mine is not None
    assert mine.joules == pytest.approx(8)
    assert nobodys is not None
    assert nobodys.joules == 0
