"""What a queue answers itself, where no worker does."""

from ..types import Job, Outcome, Result

_CLOSED = "the server is shutting down"


def late(job: Job) -> Result:
    """The answer to a job that nobody began in time, or that nobody waits for any more."""
    return Result(job.id, Outcome.DROPPED_LATE, code="late", message="the image was not needed in time any more")


def shut_out(job: Job) -> Result:
    """The answer to a job for which the queue is closed."""
    return Result(job.id, Outcome.FAILED, code="shutting_down", message=_CLOSED)
