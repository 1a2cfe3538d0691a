"""The queue inside one process."""

import asyncio
import threading
from collections import deque

from ..types import Job, Result
from .base import QueueFull


class MemoryQueue:
    """A deque under a lock, and a future for each job in flight. One event loop in front, any threads behind."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._jobs: deque[Job] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._answers: dict[int, asyncio.Future[Result]] = {}

    async def submit(self, job: Job) -> Result:
        loop = asyncio.get_running_loop()
        with self._changed:
            if self._closed or len(self._answers) >= self._capacity:
                raise QueueFull("the server is shutting down" if self._closed else "too many images are waiting")
            answer: asyncio.Future[Result] = loop.create_future()
            self._answers[job.id] = answer
            self._jobs.append(job)
            self._changed.notify()
        try:
            return await answer
        finally:
            self._answers.pop(job.id, None)

    def waiting(self) -> int:
        return len(self._jobs)

    def in_flight(self) -> int:
        return len(self._answers)

    def take(self, timeout: float) -> list[Job]:
        with self._changed:
            self._changed.wait_for(lambda: self._jobs or self._closed, timeout)
            taken = list(self._jobs)
            self._jobs.clear()
            return taken

    def deliver(self, result: Result) -> None:
        answer = self._answers.get(result.job)
        if answer is None:
            return
        try:
            answer.get_loop().call_soon_threadsafe(_settle, answer, result)
        except RuntimeError:  # the loop is closed: nobody waits any more
            self._answers.pop(result.job, None)

    def wanted(self, job: int) -> bool:
        return job in self._answers

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()


def _settle(answer: asyncio.Future[Result], result: Result) -> None:
    if not answer.done():
        answer.set_result(result)
