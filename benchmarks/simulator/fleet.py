"""A queue and the workers that take from it, in the order in which they came to wait."""

import asyncio
import random
from collections import OrderedDict

from engines.student import Student
from server import status as seen
from server.queue import MemoryQueue
from server.types import Job, JobKind, Result

from .scenario import Scenario
from .worker import SimulatedWorker

_CAPACITY = 1_000_000
"""Jobs in the queue at once; what bounds them in a server is how many sessions and stills it admits."""


class FleetQueue(MemoryQueue):
    """The server's queue, which tells a fleet of what comes, and knows how long the oldest has waited."""

    def __init__(self, fleet: "Fleet", loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(_CAPACITY, clock=loop.time)
        self._fleet, self._loop = fleet, loop
        self._since: dict[JobKind, OrderedDict[int, float]] = {kind: OrderedDict() for kind in JobKind}

    async def submit(self, job: Job) -> Result:
        self._since[job.kind][job.id] = self._loop.time()
        self._loop.call_soon(self._fleet.arrived, job.kind)  # it is in its line by then
        try:
            return await super().submit(job)
        finally:
            self._since[job.kind].pop(job.id, None)

    def take(self, kind: JobKind, most: int, timeout: float) -> list[Job]:
        jobs = super().take(kind, most, timeout)
        for job in jobs:
            self._since[kind].pop(job.id, None)
        return jobs

    def lag(self, kind: JobKind) -> float:
        """Seconds that the oldest job of this kind has waited; 0 if none does."""
        since = self._since[kind]
        return self._loop.time() - next(iter(since.values())) if since else 0.0


class Fleet:
    """Workers of one student. Who waits for jobs is served in turn, as threads at a lock and clients at a Redis list are."""

    def __init__(self, scenario: Scenario, student: Student) -> None:
        self._scenario, self._student = scenario, student
        self._loop = asyncio.get_running_loop()
        self.queue = FleetQueue(self, self._loop)
        self.workers: list[SimulatedWorker] = []
        self._random = random.Random(scenario.seed)
        self._waiting: dict[JobKind, OrderedDict[SimulatedWorker, None]] = {kind: OrderedDict() for kind in JobKind}
        self.outlook = seen.Fleet(student.name)
        """What front ends know of the workers."""
        for _ in range(scenario.workers):
            self.add()

    def _show(self) -> None:
        self.outlook = seen.Fleet(self._student.name, seen.Statuses(worker.status for worker in self.workers))

    def add(self) -> SimulatedWorker:
        """One worker more, at once."""
        scenario, number = self._scenario, len(self.workers)
        times = scenario.slowness[number] if number < len(scenario.slowness) else 1.0
        costs = {size: times * seconds for size, seconds in scenario.costs.items()}
        worker = SimulatedWorker(
            self._student, self.queue, costs, scenario.stills_share, scenario.wander, self._random, self._wants, self._deliver
        )
        self.workers.append(worker)
        self._show()
        worker.start()
        return worker

    def remove(self) -> SimulatedWorker:
        """The worker that came last drains, and leaves."""
        worker = self.workers.pop()
        worker.stopping = True
        for waiting in self._waiting.values():
            waiting.pop(worker, None)
        self._show()
        return worker

    def _wants(self, worker: SimulatedWorker, kind: JobKind) -> None:
        if not worker.stopping:
            self._waiting[kind][worker] = None

    def arrived(self, kind: JobKind) -> None:
        """A job came: whoever has waited longest is told."""
        if self._waiting[kind]:
            worker, _ = self._waiting[kind].popitem(last=False)
            worker.offer(kind)

    def _deliver(self, result: Result) -> None:
        self._loop.call_later(self._scenario.overhead, self.queue.deliver, result)
