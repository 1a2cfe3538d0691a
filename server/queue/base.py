"""The queue protocol, by its two sides. Jobs and results cross it as values, so that memory and network mean the same."""

from collections.abc import Iterable
from typing import Protocol

from ..types import Job, JobKind, Result


class QueueFull(Exception):
    """No room for another job; nothing was queued."""


class QueueClosed(Exception):
    """Nothing waits in this queue, and nothing will come any more."""


class FrontQueue(Protocol):
    """A queue as a front end has it. Event loop only, but for `close`.

    Live frames and stills wait apart. Among each, every owner has a line, and the lines take turns: of what is taken, by
    however many workers, every owner who waits has an equal share, through whichever front ends.

    `in_process`: whether workers are in this process, so that they get jobs as they are, decoded pixels too.
    """

    @property
    def in_process(self) -> bool: ...

    def open(self) -> None:
        """Begin. On the event loop that everything else is called on; before anything else."""
        ...

    async def submit(self, job: Job) -> Result:
        """Queue a job and wait for its result. Cancelling the wait withdraws the job. Raises QueueFull.

        A job that nobody has taken by its deadline is answered by the queue: it is late. One for which the queue is
        closed is answered at once: `shutting_down`.
        """
        ...

    def waiting(self) -> int:
        """Jobs submitted here and not yet taken."""
        ...

    def in_flight(self) -> int:
        """Jobs submitted here and not yet answered."""
        ...

    def has_room(self, owner: str, pipeline: int) -> bool:
        """Whether one more live job of this owner keeps workers busy that have room for so many, and takes nobody's part."""
        ...

    def close(self) -> None:
        """Answer the jobs that wait and those that still come. What was taken may still be answered. Any thread."""
        ...

    async def end(self) -> None:
        """Let go of what `open` took hold of. After `close`; nothing is answered any more."""
        ...


class WorkerQueue(Protocol):
    """A queue as a worker has it, any number of them beside each other. Any thread.

    `shared`: whether other workers take from it, too, so that a job this one cannot paint may be another's.
    """

    @property
    def shared(self) -> bool: ...

    def take(self, kind: JobKind, most: int, timeout: float) -> list[Job]:
        """Up to `most` jobs whose turn it is; waits up to `timeout` seconds for the first. For a worker's own thread.

        Raises QueueClosed once the queue is closed.
        """
        ...

    def deliver(self, result: Result) -> None:
        """Answer a job that was taken. It must not wait; a result nobody waits for any more is let go."""
        ...

    def give_back(self, job: Job, blamed: bool = False) -> None:
        """Put a job that was taken back to the head of its line. It must not wait.

        `blamed`: it may have been this job that the worker failed on. A shared queue sets aside, with an answer that says so,
        a job for which that is said twice.
        """
        ...

    def wanted(self, jobs: Iterable[int]) -> set[int]:
        """Those of these jobs that somebody still waits for. Asked once a tick on the engine's thread: it must not wait."""
        ...

    def close(self) -> None:
        """Let go who takes."""
        ...


class JobQueue(FrontQueue, WorkerQueue, Protocol):
    """Both sides, in one process."""
