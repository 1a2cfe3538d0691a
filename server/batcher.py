"""Which jobs make the next tick. Pure: what waits, and what ticks cost, are handed in."""

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Protocol, TypeVar

from .types import JobKind

NEAR = 0.95
"""Rates this near to each other are the same: costs are measured once, on a machine that may have been busy."""


class _Stepped(Protocol):
    @property
    def steps(self) -> Sequence[object]: ...


T = TypeVar("T", bound=_Stepped)


class Shares:
    """Divides rows between live frames and stills while both wait: `stills` of the rows, between 0 and 1, are for stills.

    What one kind is given while the other is absent costs it nothing later.
    """

    def __init__(self, stills: float) -> None:
        self._weights = {JobKind.LIVE: 1 - stills, JobKind.STILL: stills}
        self._had = dict.fromkeys(JobKind, 0.0)  # rows by weight, of those that both waited for

    def choose(self, waiting: Mapping[JobKind, Sequence[T]], count: int) -> list[T]:
        """Up to `count` of those that wait, each kind in its order. A job takes as many rows as it has steps."""
        lines = {kind: deque(waiting[kind]) for kind in JobKind}
        chosen: list[T] = []
        while len(chosen) < count and any(lines.values()):
            contested = all(lines.values())
            kind = min((kind for kind in JobKind if lines[kind]), key=self._had.__getitem__)
            job = lines[kind].popleft()
            chosen.append(job)
            if contested:
                self._had[kind] += len(job.steps) / self._weights[kind]
        least = min(self._had.values())
        self._had = {kind: had - least for kind, had in self._had.items()}
        return chosen


def best_size(available: int, costs: Mapping[int, float]) -> int:
    """How many of `available` rows to run now, so that rows per second are most; of near equals, the larger.

    `costs` are the measured seconds of a tick at each compiled size; n rows cost what the smallest size holding them costs.
    """
    sizes = sorted(costs)
    rates = [count / costs[next(size for size in sizes if size >= count)] for count in range(1, min(available, sizes[-1]) + 1)]
    return max((count for count, rate in enumerate(rates, 1) if rate >= NEAR * max(rates)), default=0)
