"""What the engine's thread does all day: take the next tick's tasks, begin it, finish it, pass on what it gave."""

import logging
import math
import time
from collections import deque
from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import lru_cache
from typing import NamedTuple

from engines.engine import Conditioning, Engine, Pixels, Row
from engines.errors import EngineError, EngineLost

from . import codec
from .answers import Answers
from .eyes import EyeFailed
from .logs import fields
from .metrics import StudentMetrics
from .prefetch import Prefetch
from .prompts import Prompts
from .shared import Shared
from .task import Task, Watched
from .ticking import Ticking
from .types import Job, JobKind, Timings
from .upscaling import Upscaling, no_upscaler
from .watchdog import Watchdog

log = logging.getLogger(__name__)


_TEXTS = 256
"""Whose tokens are remembered, since programs ask for the same text again and again."""


class Warm(NamedTuple):
    """An engine that is ready, the seconds of its ticks by size, and those after which it can only be hanging."""

    engine: Engine
    costs: dict[int, float]
    limit: float


class EngineLoop:
    """Runs one engine's ticks, on its thread, until `prefetch` is stopped. What it does not answer stays open.

    `upscaling` takes pictures that are to be made larger; None makes none larger.
    """

    def __init__(
        self,
        warm: Warm,
        prefetch: Prefetch,
        answers: Answers,
        watchdog: Watchdog,
        shared: Shared,
        upscaling: Upscaling | None = None,
    ) -> None:
        self._upscaling = upscaling
        self._engine, costs, self._limit = warm
        self._prefetch, self._answers, self._watchdog, self._shared = prefetch, answers, watchdog, shared
        self._metrics: StudentMetrics = shared.metrics.of(self._engine.student.name)
        self._prompts = Prompts(self._encode_prompt)
        self._count = lru_cache(_TEXTS)(self._engine.count_tokens)
        self._ticking = Ticking(self._engine, costs, shared.device.ticking, self._attempt_failed)
        self._begun: list[Task] = []  # jobs whose next step is not their first
        self._under_way: deque[list[tuple[Task, Row]]] = deque()  # ticks that were begun and are not finished

    def run(self) -> None:
        """Begin ticks and finish them until it is time to stop."""
        with self._ticking as ticking:
            while ticking.under_way or not self._prefetch.stopped:
                if ticking.room and self._begin_next():
                    continue  # perhaps there is room for another beside it
                if ticking.under_way:
                    self._finish()
                ticking.pass_on()

    def _watched(self, what: str) -> AbstractContextManager[None]:
        return self._watchdog.watching(what, self._limit)

    # beginning -----------------------------------------------------------------------------------------------------

    def _begin_next(self) -> bool:
        """Begin a tick of those that can be painted; False if there is none by the time that one is due."""
        ticking = self._ticking
        if ticking.under_way:
            due = ticking.due()
        else:  # the device first, since another's tick may hold it: what is chosen then is what is newest then
            self._prefetch.until_some(self._begun)
            self._take_turn()
            due = time.perf_counter()
        tasks = self._prefetch.next_tick(self._begun, due)
        if not tasks:
            return False
        self._begun = [task for task in self._begun if task not in tasks]
        rows = self._rows(tasks)
        if not rows:
            return False
        self._under_way.append(rows)
        watch = Watched(self._engine.student.name, [task.job for task, _ in rows], self._shared.ledger, self._shared.tracer)
        with self._watched("a tick of the engine"):
            ticking.begin([row for _, row in rows], watch)
        for task, row in rows:
            task.image = task.mask = None
            task.index += 1
            if not row.last:
                self._begun.append(task)
        return True

    def _take_turn(self) -> None:
        """Wait for the device. Whoever waits for longer than any of its engines may take is stuck behind one that hangs."""
        limit = self._shared.device.patience(self._limit)
        with self._watchdog.watching("the wait for another student's engine, which has the device,", limit, math.inf):
            self._ticking.take_turn()

    def _rows(self, tasks: Sequence[Task]) -> list[tuple[Task, Row]]:
        """The next step of each task that can still be painted. The others are answered."""
        wanted = self._answers.wanted([task.job.id for task in tasks])
        rows = []
        for task in tasks:
            if self._in_time(task, wanted) and self._take_image(task) and (row := self._next(task)) is not None:
                rows.append((task, row))
            else:
                task.over = True
                self._engine.forget(task.job.id)
        return rows

    def _in_time(self, task: Task, wanted: set[int]) -> bool:
        # between two steps it is too late to be late: what was spent would be lost
        if task.job.id in wanted and (task.index or task.job.deadline >= time.monotonic()):
            return True
        self._answers.late(task.job)
        return False

    def _take_image(self, task: Task) -> bool:
        """Take what was decoded; False, and the job answered, if it cannot be."""
        if task.decoding is None:
            return True
        try:
            decoded = task.decoding.result()
        except Exception as error:
            known = isinstance(error, codec.BadImage | EyeFailed)
            if not known:
                log.exception("an image could not be decoded", extra=fields(request=task.job.request))
            code = getattr(error, "code", codec.BadImage.code) if known else codec.BadImage.code
            self._answers.failed(task.job, code, str(error) or "the image cannot be decoded")
            return False
        task.image, task.mask, task.decoding = decoded.pixels, decoded.mask, None
        task.timings = Timings(decode=task.job.decoding + decoded.seconds)
        if task.job.looks:
            task.image, task.inputs, task.shown = decoded.seen
        return True

    def _next(self, task: Task) -> Row | None:
        """The task's next step; None, and the job answered, if there is none to paint."""
        if task.job.show == "eyes" and task.job.looks:
            assert task.shown is not None  # who looks is shown what was seen
            self._answers.image(task, task.shown, self._prefetch.encoded)
            return None
        return self._row(task)

    def _row(self, task: Task) -> Row | None:
        """The task's next step; None, and the job answered, if its prompt cannot be encoded."""
        job = task.job
        try:
            conditioning = self._prompts.conditioning(job.prompt)
            if job.kind is JobKind.STILL and not task.index:
                task.tokens = sum(self._count(text) for text, _ in job.prompt)
        except EngineLost:
            raise
        except Exception as error:
            self._attempt_failed(error, [])
            if not isinstance(error, EngineError):
                log.error("a prompt could not be encoded", exc_info=error, extra=fields(request=job.request))
            self._answers.failed(job, "engine_error", f"the engine failed on this prompt: {error}")
            return None
        last = task.index == len(task.steps) - 1
        step, w = task.steps[task.index], self._guidance(job)
        image = task.image if job.repaint else None
        return Row(job.id, task.index, step, last, conditioning, job.seed, image, w, task.mask, task.inputs)

    def _encode_prompt(self, text: str) -> Conditioning:
        with self._watched("the engine's text encoder"):
            return self._engine.condition(text)

    def _guidance(self, job: Job) -> float:
        """The guidance that the network is told, w = scale - 1 (Meng et al. 2023)."""
        bounds = self._engine.student.guidance
        if bounds is None:
            return 0.0
        return (bounds.default if job.guidance is None else job.guidance) - 1.0

    # finishing -----------------------------------------------------------------------------------------------------

    def _finish(self) -> None:
        """Finish the tick that was begun first, and pass on what it gave."""
        with self._watched("a tick of the engine"):
            done = self._ticking.finish()
        finished = self._under_way.popleft()
        self._metrics.tick(done.seconds, len(finished))
        if any(task.job.kind is JobKind.LIVE for task, _ in finished):
            self._shared.device.live.seen()
        for (task, row), result in zip(finished, done.painted, strict=True):
            if task.over:  # an earlier step failed, or nobody waits any more: what it left in its slot goes, too
                self._engine.forget(task.job.id)
                continue
            before = task.timings
            wait = before.wait if row.index else max(0.0, done.started - task.job.created - before.decode)
            task.timings = Timings(wait=wait, decode=before.decode, engine=before.engine + done.seconds)
            task.rows = len(finished)
            task.share += done.seconds / len(finished)
            if result.error is not None:
                self._fail(task, result.error)
            elif result.image is not None:
                self._painted(task, result.image)

    def _painted(self, task: Task, image: Pixels) -> None:
        if task.job.upscale == 1:
            self._answers.image(task, image, self._prefetch.encoded)
        elif self._upscaling is not None:
            self._upscaling.take(task, image, self._prefetch.encoded)
        else:  # a front end of other students' files
            self._answers.failed(task.job, "no_upscaler", no_upscaler(self._engine.student, "it has no upscaler"))

    def _fail(self, task: Task, why: str) -> None:
        task.over = True
        self._begun = [other for other in self._begun if other is not task]
        self._engine.forget(task.job.id)
        self._answers.failed(task.job, "engine_error", why)

    def _attempt_failed(self, error: Exception, rows: Sequence[Row]) -> None:
        self._watchdog.again()
        self._metrics.tick_failed()
        if len(rows) == 1 and not isinstance(error, EngineError):  # whose text says it all
            request = next((task.job.request for tick in self._under_way for task, row in tick if row.job == rows[0].job), "")
            log.error("a tick failed", exc_info=error, extra=fields(request=request))
