"""Moves jobs from the queue to where the next tick takes them: a thread for live frames, and one for stills."""

import logging
import threading
from collections.abc import Callable
from functools import partial

from engines.student import Student
from engines.student.contract import NeedsPicture, Step, UnsupportedStrength

from . import codec
from .answers import Answers
from .codec_pool import CodecPool
from .eyes import Eyes
from .prefetch import Prefetch
from .queue import QueueClosed, WorkerQueue
from .task import Task
from .types import Job, JobKind, Timings

log = logging.getLogger(__name__)

_IDLE = 0.25
"""Seconds between two looks at whether to stop, and at what is too late."""


class Intake:
    """Takes jobs as far as `prefetch` has room, and answers those that cannot be painted.

    `objection` says why none can now; None while all is well. `eyes` are the student's.
    """

    def __init__(
        self,
        student: Student,
        queue: WorkerQueue,
        answers: Answers,
        pool: CodecPool,
        objection: Callable[[], str | None],
        eyes: Eyes,
    ) -> None:
        self._student, self._queue, self._answers, self._pool = student, queue, answers, pool
        self._objection, self._eyes = objection, eyes
        self._threads: list[threading.Thread] = []

    def start(self, prefetch: Prefetch) -> None:
        for kind in JobKind:
            thread = threading.Thread(target=self._run, args=(kind, prefetch), name="intake", daemon=True)
            self._threads.append(thread)
            thread.start()

    def join(self) -> None:
        """Wait until no job is on its way any more; `prefetch` must be stopped."""
        for thread in self._threads:
            thread.join()

    def _run(self, kind: JobKind, prefetch: Prefetch) -> None:
        try:
            while not prefetch.stopped:
                for job in prefetch.overdue(kind):
                    self._answers.late(job)
                room = prefetch.room(kind, _IDLE)
                if self._queue.shared and self._objection() is not None:
                    prefetch.idle(_IDLE)  # what cannot be painted here is others'
                    continue
                if room and (jobs := self._queue.take(kind, room, _IDLE)):
                    self._answers.accept(jobs)
                    prefetch.add(self._prepared(jobs, prefetch))  # at once, or a tick would begin with the first alone
        except QueueClosed:
            pass

    def _prepared(self, jobs: list[Job], prefetch: Prefetch) -> list[Task]:
        """Those that can be painted. What is wrong with another is its own fault, and is answered."""
        tasks = []
        for job in jobs:
            try:
                if (why := self._objection()) is not None:
                    self._answers.failed(job, "engine_stuck", why)
                else:
                    tasks.append(self._prepare(job, prefetch))
            except UnsupportedStrength as error:
                self._answers.refused(job, "unsupported_strength", str(error))
            except NeedsPicture as error:
                self._answers.refused(job, "unsupported", str(error))
            except Exception as error:
                log.exception("a job could not be prepared")
                self._answers.failed(job, "engine_error", f"this job could not be prepared: {error}")
        return tasks

    def _prepare(self, job: Job, prefetch: Prefetch) -> Task:
        """Its steps, and its image decoded or on its way to be. Raises UnsupportedStrength, and NeedsPicture."""
        steps = self._steps(job)
        if job.image is None or (job.pixels is not None and job.mask is None and not job.looks):
            return Task(job, steps, None, job.pixels, timings=Timings(decode=job.decoding))
        look = partial(self._eyes.see, looks=job.looks) if job.looks else None
        if look is not None and job.pixels is not None and job.mask is None:
            decoding = self._pool.look(job.owner, job.pixels, look)
        else:
            mask = None if job.mask is None else codec.Mask(job.mask, job.mask_paints, job.mask_blur)
            decoding = self._pool.decode(job.owner, job.image, self._student.width, self._student.height, look, mask)
        decoding.add_done_callback(prefetch.decoded)
        return Task(job, steps, decoding)

    def _steps(self, job: Job) -> tuple[Step, ...]:
        contract = self._student.contract
        if job.image is not None and job.repaint:
            return contract.repaint(job.strength, job.most_steps)
        return contract.still(job.most_steps)
