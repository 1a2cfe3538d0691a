"""The queue protocol. Jobs and results cross it as values, so that memory and network mean the same."""

from collections.abc import Iterable
from typing import Protocol

from ..types import Job, JobKind, Result


class QueueFull(Exception):
    """No room for another job; nothing was queued."""


class QueueClosed(Exception):
    """Nothing waits in this queue, and nothing will come any more."""


class JobQueue(Protocol):
    """Front ends `submit`; workers, any number of them, `take` and `deliver`.

    Live frames and stills wait apart. Among each, every owner has a line, and the lines take turns: of what is taken, by
    however many workers, every owner who waits has an equal share.
    """

    async def submit(self, job: Job) -> Result:
        """Queue a job and wait for its result. Cancelling the wait withdraws the job. Raises QueueFull.

        A job that nobody has taken by its deadline is answered by the queue: it is late. One for which the queue is
        closed is answered at once: `shutting_down`.
        """
        ...

    def waiting(self) -> int:
        """Jobs submitted and not yet taken."""
        ...

    def in_flight(self) -> int:
        """Jobs submitted and not yet answered."""
        ...

    def has_room(self, owner: str, pipeline: int) -> bool:
        """Whether one more live job of this owner keeps workers busy that have room for so many, and takes nobody's part."""
        ...

    def take(self, kind: JobKind, most: int, timeout: float) -> list[Job]:
        """Up to `most` jobs whose turn it is; waits up to `timeout` seconds for the first. For a worker's own thread.

        Raises QueueClosed once the queue is closed.
        """
        ...

    def deliver(self, result: Result) -> None:
        """Answer a job. From any thread; a result nobody waits for any more is let go."""
        ...

    def wanted(self, jobs: Iterable[int]) -> set[int]:
        """Those of these jobs that somebody still waits for. Asked once a tick on the engine's thread: it must not wait."""
        ...

    def close(self) -> None:
        """Answer the jobs that wait and those that still come, and let who takes go. What was taken may still be answered."""
        ...
