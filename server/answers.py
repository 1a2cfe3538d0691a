"""What becomes of a job: its image, encoded, or why there is none. Each is counted, and given to the queue. Any thread."""

import logging
import time

from engines.engine import Pixels

from . import codec
from .energy import Ledger
from .logs import Seldom, fields
from .metrics import StudentMetrics
from .queue import JobQueue
from .task import Task
from .types import Job, Outcome, Result, Timings

log = logging.getLogger(__name__)

_FAILING_STREAM = 10.0
"""Seconds between two lines on live frames that fail: a stream of them could fail thirty times a second."""


class Answers:
    """One student's answers. A job has one: whoever gives a second one to a job has a bug."""

    def __init__(self, queue: JobQueue, metrics: StudentMetrics, ledger: Ledger) -> None:
        self._queue, self._metrics, self._ledger = queue, metrics, ledger
        self._failing_stream = Seldom(_FAILING_STREAM)

    def image(self, task: Task, pixels: Pixels) -> None:
        """Encode it and send it, with what it took. Takes milliseconds."""
        began = time.perf_counter()
        job, timings = task.job, task.timings
        try:
            image = codec.encode(pixels, job.format, job.quality)
        except Exception as error:
            log.exception("an image could not be encoded", extra=fields(request=job.request))
            self.failed(job, "encode_error", f"the image could not be encoded: {error}")
            return
        timings = Timings(timings.wait, timings.decode, timings.engine, time.perf_counter() - began)
        spent = self._ledger.estimate(task.share)
        joules, meter = (None, "") if spent is None else (spent.joules, spent.meter)
        self._deliver(job, Result(job.id, Outcome.IMAGE, image, task.rows, timings, joules=joules, meter=meter))

    def late(self, job: Job) -> None:
        """Nobody waits for it any more, or its deadline has passed."""
        self._without(job, Outcome.DROPPED_LATE, "late", "the image was not needed in time any more")

    def refused(self, job: Job, code: str, message: str) -> None:
        self._without(job, Outcome.REFUSED, code, message)

    def failed(self, job: Job, code: str, message: str) -> None:
        held_back = self._failing_stream.due() if job.api == "stream" else 0
        if held_back is not None:
            said = fields(request=job.request, api=job.api, code=code, why=message, held_back=held_back or None)
            log.warning("a job failed", extra=said)
        self._without(job, Outcome.FAILED, code, message)

    def shutting_down(self, job: Job) -> None:
        self._without(job, Outcome.FAILED, "shutting_down", "the server is shutting down")

    def _without(self, job: Job, outcome: Outcome, code: str, message: str) -> None:
        self._deliver(job, Result(job.id, outcome, code=code, message=message))

    def _deliver(self, job: Job, result: Result) -> None:
        self._metrics.result(job.api, result, time.time() - job.created)
        self._queue.deliver(result)
