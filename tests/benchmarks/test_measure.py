"""Percentiles, fairness and slices are the textbook's."""

import math

import numpy as np
import pytest

from benchmarks.measure import jain, percentile, percentiles, slices


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 0.95, 0.99, 1.0])
def test_percentile_is_numpys(share: float) -> None:
    """Percentiles interpolate as numpy does."""
    values = np.random.default_rng(1).exponential(size=137).tolist()
    assert percentile(values, share) == pytest.approx(np.percentile(values, share * 100))


def test_percentiles_of_little() -> None:
    """One value is every percentile; of no values there is none."""
    assert percentiles([3.0]) == {"p50": 3.0, "p95": 3.0, "p99": 3.0}
    assert all(math.isnan(value) for value in percentiles([]).values())


@pytest.mark.parametrize(
    ("shares", "index"), [([5, 5, 5, 5], 1.0), ([8, 0, 0, 0], 0.25), ([1, 2, 3], 36 / 42), ([0, 0], 1.0), ([7], 1.0)]
)
def test_jain(shares: list[float], index: float) -> None:
    """Jain's index is one for equal shares and 1/n when one client has all."""
    assert jain(shares) == pytest.approx(index)


def test_slices() -> None:
    """Values fall into the slice of their time; what comes at the very end belongs to the last."""
    parts = slices([(0.0, 1.0), (9.9, 3.0), (10.0, 5.0), (20.0, 7.0)], width=10, length=20)
    assert [part["count"] for part in parts] == [2, 2]
    assert [part["start"] for part in parts] == [0, 10]
    assert parts[0]["p99"] == pytest.approx(2.98)
    assert parts[1]["p99"] == pytest.approx(6.98)


def test_a_short_rest_joins_the_last_slice() -> None:
    """A rest shorter than half a slice makes no slice of its own."""
    assert len(slices([], width=10, length=24)) == 2
    assert len(slices([], width=10, length=26)) == 3
    assert len(slices([], width=10, length=3)) == 1
