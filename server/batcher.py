"""Which rows make the next tick. Pure: time and liveness are handed in.

Every owner has a line of its own, and the lines take turns: a user with many jobs waiting delays no one else. Jobs
between two of their steps go before all others, so that what was begun is finished.
"""

from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from .types import Job

NEAR = 0.95
"""Rates this near to each other are the same: costs are measured once, on a machine that may have been busy."""


@dataclass(frozen=True, slots=True)
class Picked:
    """Jobs to run, in order, and jobs let go because they are late or nobody waits for them."""

    run: list[Job]
    dropped: list[Job]


class Batcher:
    """Fair lines of waiting jobs. `wanted` says whether somebody still waits for a job."""

    def __init__(self, wanted: Callable[[int], bool]) -> None:
        self._wanted = wanted
        self._lines: OrderedDict[str, deque[Job]] = OrderedDict()
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def add(self, job: Job) -> None:
        self._lines.setdefault(job.owner, deque()).append(job)
        self._size += 1

    def pick(self, count: int, now: float) -> Picked:
        """Up to `count` jobs, one owner after the other; whoever was served goes to the end."""
        picked = Picked([], [])
        while self._lines and len(picked.run) < count:
            owner, line = next(iter(self._lines.items()))
            job = self._next_alive(line, now, picked.dropped)
            if job is not None:
                picked.run.append(job)
            if line:
                self._lines.move_to_end(owner)
            else:
                del self._lines[owner]
        return picked

    def _next_alive(self, line: deque[Job], now: float, dropped: list[Job]) -> Job | None:
        while line:
            job = line.popleft()
            self._size -= 1
            if job.deadline >= now and self._wanted(job.id):
                return job
            dropped.append(job)
        return None


def best_size(available: int, costs: Mapping[int, float]) -> int:
    """How many of `available` rows to run now, so that rows per second are most; of near equals, the larger.

    `costs` are the measured seconds of a tick at each compiled size; n rows cost what the smallest size holding them costs.
    """
    sizes = sorted(costs)
    rates = [count / costs[next(size for size in sizes if size >= count)] for count in range(1, min(available, sizes[-1]) + 1)]
    return max((count for count, rate in enumerate(rates, 1) if rate >= NEAR * max(rates)), default=0)
