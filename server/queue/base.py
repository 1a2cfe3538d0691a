"""The queue protocol. Jobs and results cross it as values, so that memory and network mean the same."""

from typing import Protocol

from ..types import Job, Result


class QueueFull(Exception):
    """No room for another job; nothing was queued."""


class JobQueue(Protocol):
    """Front ends `submit`; workers `take` and `deliver`."""

    async def submit(self, job: Job) -> Result:
        """Queue a job and wait for its result. Cancelling the wait withdraws the job. Raises QueueFull."""
        ...

    def waiting(self) -> int:
        """Jobs submitted and not yet taken."""
        ...

    def in_flight(self) -> int:
        """Jobs submitted and not yet answered."""
        ...

    def take(self, timeout: float) -> list[Job]:
        """All jobs that wait, oldest first; blocks up to `timeout` seconds for the first. For a worker's own thread."""
        ...

    def deliver(self, result: Result) -> None:
        """Answer a job. From any thread; a result nobody waits for any more is let go."""
        ...

    def wanted(self, job: int) -> bool:
        """Whether somebody still waits for this job. From any thread."""
        ...

    def close(self) -> None:
        """Wake a blocked `take`, which from then on gives only what was there already; refuse further jobs."""
        ...
