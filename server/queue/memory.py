"""The queue inside one process."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterable

from ..types import Job, JobKind, Result
from .answering import late, shut_out
from .base import QueueClosed, QueueFull
from .lines import Lines


class MemoryQueue:
    """Lines under a lock, and a future for each job in flight. One event loop in front, any threads behind.

    `unpainted` is told of each job that the queue answers itself, since no worker had it: late, withdrawn or shut out.
    """

    in_process, shared = True, False

    def __init__(
        self,
        capacity: int,
        unpainted: Callable[[Job, Result], None] = lambda job, result: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._capacity, self._unpainted, self._clock = capacity, unpainted, clock
        self._lock = threading.Lock()
        self._lines = {kind: Lines() for kind in JobKind}
        self._changed = {kind: threading.Condition(self._lock) for kind in JobKind}
        self._closed = False
        self._answers: dict[int, asyncio.Future[Result]] = {}
        self._live: dict[str, int] = {}  # live jobs in flight by owner; the event loop's own, like their sum
        self._all_live = 0

    def open(self) -> None:
        pass

    async def submit(self, job: Job) -> Result:
        loop, kind = asyncio.get_running_loop(), job.kind
        answer: asyncio.Future[Result] = loop.create_future()
        if not self._line_up(job, answer):
            return self._shut_out(job)
        if kind is JobKind.LIVE:
            self._all_live += 1
            self._live[job.owner] = self._live.get(job.owner, 0) + 1
        expiry = loop.call_later(job.deadline - self._clock(), self._expire, job)
        try:
            return await answer
        finally:
            expiry.cancel()
            self._answers.pop(job.id, None)
            if kind is JobKind.LIVE:
                self._uncount(job.owner)
            if not answer.done() or answer.cancelled():
                self._let_go(job)

    def _line_up(self, job: Job, answer: "asyncio.Future[Result]") -> bool:
        """To the end of its line; False if the queue is closed. Raises QueueFull."""
        with self._lock:
            if self._closed:
                return False
            if len(self._answers) >= self._capacity:
                raise QueueFull("too many images are waiting")
            self._answers[job.id] = answer
            self._lines[job.kind].add(job)
            self._changed[job.kind].notify()
            return True

    def _shut_out(self, job: Job) -> Result:
        """The answer to a job for which the queue is closed."""
        result = shut_out(job)
        self._unpainted(job, result)
        return result

    def _uncount(self, owner: str) -> None:
        self._all_live -= 1
        if (left := self._live[owner] - 1) > 0:
            self._live[owner] = left
        else:
            del self._live[owner]

    def _let_go(self, job: Job) -> bool:
        """Take a job out of its line; False if it is not there any more."""
        with self._lock:
            waited = self._lines[job.kind].remove(job)
        if waited:
            self._unpainted(job, late(job))
        return waited

    def _expire(self, job: Job) -> None:
        if self._let_go(job):
            _settle(self._answers[job.id], late(job))

    def waiting(self) -> int:
        return sum(len(lines) for lines in self._lines.values())

    def in_flight(self) -> int:
        return len(self._answers)

    def has_room(self, owner: str, pipeline: int) -> bool:
        return self._all_live < pipeline or self._live.get(owner, 0) < pipeline // len(self._live)

    def take(self, kind: JobKind, most: int, timeout: float) -> list[Job]:
        lines = self._lines[kind]
        with self._lock:
            self._changed[kind].wait_for(lambda: len(lines) or self._closed, timeout)
            if self._closed:
                raise QueueClosed
            return lines.pick(most)

    def deliver(self, result: Result) -> None:
        answer = self._answers.get(result.job)
        if answer is None:
            return
        try:
            answer.get_loop().call_soon_threadsafe(_settle, answer, result)
        except RuntimeError:  # the loop is closed: nobody waits any more
            self._answers.pop(result.job, None)

    def give_back(self, job: Job, blamed: bool = False) -> None:
        with self._lock:
            if not self._closed:
                if job.id in self._answers:
                    self._lines[job.kind].put_back(job)
                    self._changed[job.kind].notify()
                return
        self.deliver(self._shut_out(job))

    def wanted(self, jobs: Iterable[int]) -> set[int]:
        return {job for job in jobs if job in self._answers}

    def close(self) -> None:
        with self._lock:
            self._closed = True
            waiting = [job for lines in self._lines.values() for job in lines.pick(len(lines))]
            for changed in self._changed.values():
                changed.notify_all()
        for job in waiting:
            self.deliver(self._shut_out(job))

    async def end(self) -> None:
        pass


def _settle(answer: asyncio.Future[Result], result: Result) -> None:
    if not answer.done():
        answer.set_result(result)
