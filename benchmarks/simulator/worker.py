"""A worker whose ticks take simulated seconds. Which jobs it takes, and which make a tick, the server's own parts say."""

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence

from engines.student import Student
from engines.student.contract import Step
from server.batcher import Shares
from server.prefetch import Prefetch
from server.queue import MemoryQueue
from server.queue.answering import late
from server.status import State, Status
from server.task import Task
from server.types import Job, JobKind, Outcome, Result, Timings


class SimulatedWorker:
    """What intake and the engine's thread do, told when instead of waiting.

    `wants` is called when there is room for more of a kind than the queue had; whoever has some then calls `offer`. `deliver`
    takes results, as they leave the engine.
    """

    def __init__(
        self,
        student: Student,
        queue: MemoryQueue,
        costs: Mapping[int, float],
        stills_share: float,
        wander: float,
        random_: random.Random,
        wants: Callable[["SimulatedWorker", JobKind], None],
        deliver: Callable[[Result], None],
    ) -> None:
        self._student, self._queue, self._costs, self._wander, self._random = student, queue, costs, wander, random_
        self.status = Status(student.name, State.READY, seconds=costs)
        self._wants, self._deliver = wants, deliver
        self._loop = asyncio.get_running_loop()
        self._prefetch = Prefetch(costs, Shares(stills_share), clock=self._loop.time)
        self._sizes = sorted(costs)
        self._begun: list[Task] = []  # between two steps
        self._ticking = False
        self.stopping = False
        self.ticks, self.rows, self.images, self.busy = 0, 0, 0, 0.0

    def start(self) -> None:
        for kind in JobKind:
            self.offer(kind)

    def offer(self, kind: JobKind) -> None:
        """There may be jobs of this kind: take as many as there is room for, and begin a tick if none is under way."""
        if self.stopping:
            return
        self._take(kind)
        if not self._ticking:
            self._begin()

    def _take(self, kind: JobKind) -> None:
        for job in self._prefetch.overdue(kind):
            self._deliver(late(job))
        room = self._prefetch.room(kind, 0)
        if not room:
            return
        jobs = self._queue.take(kind, room, 0)
        if jobs:
            self._prefetch.add([Task(job, self._steps(job), None) for job in jobs])
        if len(jobs) < room:
            self._wants(self, kind)

    def _steps(self, job: Job) -> tuple[Step, ...]:
        contract = self._student.contract
        return contract.still() if job.image is None else contract.repaint(job.strength)

    # the engine's thread -----------------------------------------------------------------------------------------

    def _begin(self) -> None:
        """Begin a tick of what is there, if there is anything."""
        while tasks := self._prefetch.next_tick(self._begun, 0.0):  # the tick is due: it waits for nobody
            self._begun = [task for task in self._begun if task not in tasks]
            for kind in JobKind:
                self._take(kind)
            if wanted := self._wanted(tasks):
                size = next(size for size in self._sizes if size >= len(wanted))
                seconds = self._costs[size] * max(0.5, self._random.gauss(1.0, self._wander))
                self._ticking = True
                self._loop.call_later(seconds, self._finish, wanted, seconds)
                return

    def _wanted(self, tasks: Sequence[Task]) -> list[Task]:
        """Those that can still be painted; the others are answered."""
        wanted, rows = self._queue.wanted([task.job.id for task in tasks]), []
        for task in tasks:
            if task.job.id in wanted and (task.index or task.job.deadline >= self._loop.time()):
                rows.append(task)
            else:
                self._deliver(late(task.job))
        return rows

    def _finish(self, tasks: Sequence[Task], seconds: float) -> None:
        self._ticking = False
        self.ticks += 1
        self.rows += len(tasks)
        self.busy += seconds
        for task in tasks:
            task.index += 1
            if task.index < len(task.steps):
                self._begun.append(task)
            else:
                self.images += 1
                self._deliver(Result(task.job.id, Outcome.IMAGE, b"", len(tasks), Timings(engine=seconds)))
        self._begin()
