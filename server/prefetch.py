"""What a worker has ready: one tick's worth of live frames, decoded while the present tick runs, and one of stills.

Intake threads bring jobs as far as there is room, and the engine's thread takes those of its next tick.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence

from .batcher import Shares, best_size
from .task import Task
from .types import Job, JobKind


class Prefetch:
    """Tasks that could be in the next tick, under one lock. `costs`: seconds of a tick by size.

    `busy` says whether there is enough to do behind the engine already, so that stills had better wait in the queue.
    """

    def __init__(
        self,
        costs: Mapping[int, float],
        shares: Shares,
        busy: Callable[[], bool] = lambda: False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._costs, self._most, self._shares, self._busy, self._clock = costs, max(costs), shares, busy, clock
        lock = threading.Lock()
        self._arrived = threading.Condition(lock)  # for the engine's thread
        self._left = {kind: threading.Condition(lock) for kind in JobKind}  # for intake's
        self._tasks: dict[JobKind, list[Task]] = {kind: [] for kind in JobKind}
        self.stopped = False

    def __len__(self) -> int:
        """Jobs that are not in a tick yet."""
        return sum(map(len, self._tasks.values()))

    def stop(self) -> None:
        """Give nothing more to ticks, and have no more room."""
        with self._arrived:
            self.stopped = True
            self._arrived.notify_all()
            self._all_left()

    def clear(self) -> None:
        """Forget what waits."""
        with self._arrived:
            self._tasks = {kind: [] for kind in JobKind}
            self._all_left()

    def _all_left(self) -> None:
        for left in self._left.values():
            left.notify()

    # intake ------------------------------------------------------------------------------------------------------

    def room(self, kind: JobKind, timeout: float | None = None) -> int:
        """Wait until there is room for jobs of this kind; for how many. 0 when `timeout` is over, or it is time to stop."""
        with self._left[kind]:
            self._left[kind].wait_for(lambda: self.stopped or self._room(kind), timeout)
            return 0 if self.stopped else self._room(kind)

    def idle(self, seconds: float) -> None:
        """Wait so long, or until it is time to stop."""
        with self._arrived:
            self._arrived.wait_for(lambda: self.stopped, seconds)

    def _room(self, kind: JobKind) -> int:
        busy = kind is JobKind.STILL and self._busy()
        return 0 if busy else max(0, self._most - len(self._tasks[kind]))

    def overdue(self, kind: JobKind) -> list[Job]:
        """Forget those whose deadline has passed, and say which: they need not wait for a tick, however long one takes."""
        with self._left[kind]:
            now = self._clock()
            late = [task for task in self._tasks[kind] if task.job.deadline < now]
            self._tasks[kind] = [task for task in self._tasks[kind] if task not in late]
        for task in late:
            if task.decoding is not None:
                task.decoding.cancel()
        return [task.job for task in late]

    def add(self, tasks: Sequence[Task]) -> None:
        with self._arrived:
            for task in tasks:
                self._tasks[task.job.kind].append(task)
            self._arrived.notify()

    def decoded(self, _: object = None) -> None:
        """An image that somebody may wait for is decoded."""
        with self._arrived:
            self._arrived.notify()

    def encoded(self, _: object = None) -> None:
        """There is less to do behind the engine."""
        with self._left[JobKind.STILL]:
            self._left[JobKind.STILL].notify()

    # the engine's thread -----------------------------------------------------------------------------------------

    def until_some(self, begun: Sequence[Task]) -> None:
        """Wait until there is something for a tick, or it is time to stop."""
        with self._arrived:
            self._arrived.wait_for(lambda: self.stopped or self._able(begun))

    def next_tick(self, begun: Sequence[Task], due: float | None) -> list[Task]:
        """The tasks of the next tick: those between two steps first, then the others by their shares.

        One that is still being decoded delays no other. Waits for as many as fill a tick until `due`, by time.perf_counter;
        or, without, for the first. Empty when nothing is there by then, or when it is time to stop.
        """
        with self._arrived:
            if due is None:
                self._arrived.wait_for(lambda: self.stopped or self._able(begun))
            else:
                self._arrived.wait_for(lambda: self.stopped or self._able(begun) >= self._most, due - time.perf_counter())
            if self.stopped:
                return []
            count = best_size(self._able(begun), self._costs)
            tasks = list(begun[:count])
            tasks += self._shares.choose({kind: self._ready(kind) for kind in JobKind}, count - len(tasks))
            for kind, waiting in self._tasks.items():
                self._tasks[kind] = [task for task in waiting if task not in tasks]
            self._all_left()
            return tasks

    def _able(self, begun: Sequence[Task]) -> int:
        """How many could be in a tick now."""
        return len(begun) + sum(len(self._ready(kind)) for kind in JobKind)

    def _ready(self, kind: JobKind) -> list[Task]:
        return [task for task in self._tasks[kind] if task.decoded()]
