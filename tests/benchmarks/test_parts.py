"""What a frame costs each part of a fleet is told for a frame, and as what a core carries."""

import pytest

from benchmarks.parts import Cost, table

COST = Cost("256x256", 60.0, 1.6, 1.5, 2.5, 0.2, 27_000.0, 26_000.0, 40.0, 21.0, 94.0, 93.0)


def test_what_a_core_carries() -> None:
    """A core has a thousand milliseconds a second."""
    assert COST.front_frames == pytest.approx(625)
    assert COST.worker_frames == pytest.approx(400)
    assert COST.redis_frames == pytest.approx(5000)


def test_table() -> None:
    """Each size has a line, with as many cells as the heading."""
    heading, _, line = table([COST]).splitlines()
    assert line.count("|") == heading.count("|")
    assert "256x256" in line
    assert "0.200" in line
