"""The arithmetic of a measurement: percentiles, fairness, slices of time. Pure."""

import math
from collections.abc import Iterable, Sequence


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` (0..1) of the values lie, interpolated between neighbours; nan of none."""
    if not values:
        return math.nan
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def percentiles(values: Sequence[float]) -> dict[str, float]:
    """p50, p95 and p99, in the unit of the values."""
    return {f"p{share}": percentile(values, share / 100) for share in (50, 95, 99)}


def jain(shares: Sequence[float]) -> float:
    """Jain's fairness index: 1 when all have the same, 1/n when one has everything; nan of none, 1 when all have nothing."""
    if not shares:
        return math.nan
    squares = sum(share * share for share in shares)
    return 1.0 if squares == 0 else sum(shares) ** 2 / (len(shares) * squares)


def slices(timed: Iterable[tuple[float, float]], width: float, length: float) -> list[dict[str, float]]:
    """p99 and count of (seconds since the start, value) pairs by slices of `width` seconds, over `length` seconds.

    A last slice shorter than half the width joins the one before it: its p99 would be of too few values.
    """
    count = max(1, round(length / width))
    groups: list[list[float]] = [[] for _ in range(count)]
    for at, value in timed:
        groups[max(0, min(int(at / width), count - 1))].append(value)
    return [{"start": i * width, "count": len(group), "p99": percentile(group, 0.99)} for i, group in enumerate(groups)]
