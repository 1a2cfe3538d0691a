"""What becomes of a job: its image, encoded, or why there is none. Each is counted, and given to the queue. Any thread."""

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial

from engines.engine import Pixels

from . import codec
from .codec_pool import CodecPool
from .energy import Ledger
from .logs import Seldom, Sparing, fields
from .metrics import StudentMetrics
from .queue import WorkerQueue
from .task import Task
from .types import Job, JobKind, Outcome, Result

log = logging.getLogger(__name__)

_FAILING_STREAM = 10.0
"""Seconds between two lines on live frames that fail: a stream of them could fail thirty times a second."""


class Answers:
    """One student's answers. A job that was accepted has one, from whoever is first; others to it come to nothing.

    `marked`: images say of themselves that a model made them.
    """

    def __init__(
        self, queue: WorkerQueue, metrics: StudentMetrics, ledger: Ledger, pool: CodecPool, marked: bool = False
    ) -> None:
        self._queue, self._metrics, self._ledger, self._pool, self._marked = queue, metrics, ledger, pool, marked
        self._open: dict[int, Job] = {}
        self._encoding: set[int] = set()
        self._failing_stream, self._lines = Seldom(_FAILING_STREAM), Sparing(log)

    def accept(self, jobs: Iterable[Job]) -> None:
        """From now on these wait for an answer from here."""
        self._open.update((job.id, job) for job in jobs)

    def wanted(self, jobs: Iterable[int]) -> set[int]:
        """Those of these jobs that have no answer yet and that somebody waits for."""
        return self._queue.wanted(job for job in jobs if job in self._open)

    @property
    def encoding(self) -> int:
        """Images that wait for their encoding or are at it."""
        return len(self._encoding)

    def image(self, task: Task, pixels: Pixels, encoded: Callable[[object], None]) -> None:
        """Have it encoded and sent, with what it took; `encoded` is told when that is done, by another thread."""
        if self._close(task.job):
            self._encoding.add(task.job.id)
            self._pool.encode(task.job.owner, partial(self._encode, task, pixels)).add_done_callback(encoded)

    def late(self, job: Job) -> None:
        """Nobody waits for it any more, or its deadline has passed."""
        self._without(job, Outcome.DROPPED_LATE, "late", "the image was not needed in time any more")

    def refused(self, job: Job, code: str, message: str) -> None:
        self._without(job, Outcome.REFUSED, code, message)

    def failed(self, job: Job, code: str, message: str) -> None:
        if not self._close(job):
            return
        held_back = self._failing_stream.due() if job.kind is JobKind.LIVE else 0
        if held_back is not None:
            said = {"request": job.request, "api": job.api, "code": code, "why": message, "held_back": held_back or None}
            self._lines.say(logging.WARNING, "a job failed", f"failed {code}", job.owner, **said)
        self._deliver(job, Result(job.id, Outcome.FAILED, code=code, message=message))

    def abandon(self, code: str, message: str, blamed: bool = False) -> None:
        """Have done with all that were accepted and are not being encoded: they will not be painted here.

        Where there are other workers they are theirs, else that is their answer. `blamed`: one of them may be at fault.
        """
        for job in list(self._open.values()):
            if not self._queue.shared:
                self._without(job, Outcome.FAILED, code, message)
            elif self._close(job):
                self._queue.give_back(job, blamed)

    def in_flight(self) -> int:
        """Jobs that were accepted and have no answer yet."""
        return len(self._open) + len(self._encoding)

    def _close(self, job: Job) -> bool:
        """Whether the job still waits for its answer; from now on it does not."""
        return self._open.pop(job.id, None) is not None

    def _without(self, job: Job, outcome: Outcome, code: str, message: str) -> None:
        if self._close(job):
            self._deliver(job, Result(job.id, outcome, code=code, message=message))

    def _encode(self, task: Task, pixels: Pixels) -> None:
        began = time.perf_counter()
        job, timings = task.job, task.timings
        try:
            image = codec.encode(pixels, job.format, job.quality, job.size, self._marked)
            height, width, _ = pixels.shape
        except Exception as error:
            log.exception("an image could not be encoded", extra=fields(request=job.request))
            self.accept([job])
            self.failed(job, "encode_error", f"the image could not be encoded: {error}")
            return
        finally:
            self._encoding.discard(job.id)
        timings = replace(timings, encode=time.perf_counter() - began)
        spent = self._ledger.estimate(task.share)
        joules, meter = (None, "") if spent is None else (spent.joules, spent.meter)
        size = job.size or (width, height)
        result = Result(job.id, Outcome.IMAGE, image, task.rows, timings, "", "", joules, meter, task.tokens, size)
        self._deliver(job, result)

    def _deliver(self, job: Job, result: Result) -> None:
        self._metrics.result(job.api, result, time.monotonic() - job.created)
        self._queue.deliver(result)
