"""The one thread that owns an engine: take rows, tick, deliver. While it ticks, the next tick's images are decoded.

Three kinds of thread meet here. *Intake* moves jobs from the queue to the batcher and starts decoding those that will
be in the next tick (a prefetch of one). The *engine* thread runs ticks. A bounded *pool* decodes and encodes.
"""

import logging
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from engines.contract import Step, UnsupportedStrength
from engines.engine import Conditioning, Engine, Painted, Pixels, Row

from . import codec
from .batcher import Batcher, best_size
from .metrics import Metrics
from .queue import JobQueue
from .types import Job, Outcome, Prompt, Result, Timings

log = logging.getLogger(__name__)

_PROMPTS_KEPT = 512
_IDLE = 0.25
"""Seconds between two looks at whether to stop."""


@dataclass(slots=True, eq=False)
class _Task:
    """A job on its way through ticks."""

    job: Job
    steps: tuple[Step, ...]
    decoding: "Future[tuple[Pixels, float]] | None"
    image: Pixels | None = None
    index: int = 0
    rows: int = 0
    timings: Timings = field(default_factory=Timings)


class Worker:
    """Runs one engine for one queue. `state` goes from starting to ready to stopped, or to failed with `error` set."""

    def __init__(
        self,
        make_engine: Callable[[], Engine],
        queue: JobQueue,
        pool: ThreadPoolExecutor,
        metrics: Metrics,
        max_pixels: int,
        on_failed: Callable[[], None] = lambda: None,
    ) -> None:
        self.state = "starting"
        self.error = ""
        self._make_engine, self._queue, self._pool, self._metrics = make_engine, queue, pool, metrics
        self._max_pixels, self._on_failed = max_pixels, on_failed
        self._batcher = Batcher(queue.wanted)
        self._changed = threading.Condition()  # guards the batcher, _prepared and _stopping
        self._prepared: deque[_Task] = deque()
        self._begun: list[_Task] = []  # jobs between two steps; the engine thread's own
        self._stopping = False
        self._costs: dict[int, float] = {1: 1.0}
        self._conditioning: OrderedDict[str, Conditioning] = OrderedDict()
        self._threads = [
            threading.Thread(target=self._run, name="engine"),
            threading.Thread(target=self._intake, name="intake"),
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Finish the tick that runs, fail what still waits, free the engine. Returns when the threads have ended."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()

    def waiting(self) -> int:
        """Jobs taken from the queue and not yet in a tick."""
        return len(self._batcher) + len(self._prepared)

    # intake ------------------------------------------------------------------------------------------------------

    def _intake(self) -> None:
        while not self._stopping:
            if self.state != "ready":
                time.sleep(0.02)
                continue
            jobs = self._queue.take(_IDLE)
            if jobs:
                with self._changed:
                    for job in jobs:
                        self._batcher.add(job)
                    self._prefetch()
                    self._changed.notify_all()

    def _prefetch(self) -> None:
        """Fill the next tick and start its decoding. Call with the lock held."""
        picked = self._batcher.pick(max(self._costs) - len(self._prepared), time.time())
        for job in picked.dropped:
            self._answer(job, Outcome.DROPPED_LATE, "late", "the image was not needed in time any more")
        for job in picked.run:
            if task := self._prepare(job):
                self._prepared.append(task)

    def _prepare(self, job: Job) -> _Task | None:
        contract = self._engine.student.contract
        try:
            steps = contract.still() if job.image is None else contract.repaint(job.strength)
        except UnsupportedStrength as error:
            self._answer(job, Outcome.REFUSED, "unsupported_strength", str(error))
            return None
        decoding = None if job.image is None else self._pool.submit(self._decode, job.image)
        return _Task(job, steps, decoding)

    def _decode(self, image: bytes) -> tuple[Pixels, float]:
        began = time.perf_counter()
        student = self._engine.student
        pixels = codec.decode(image, student.width, student.height, self._max_pixels)
        return pixels, time.perf_counter() - began

    # the engine's thread -----------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._engine = self._make_engine()
            self._costs = self._engine.warm_up()
        except Exception as error:
            self.state, self.error = "failed", str(error) or repr(error)
            log.exception("the engine did not start")
            self._on_failed()
            return
        engine = self._engine
        self._metrics.engine(engine.backend, engine.device, engine.precision, engine.batch_sizes)
        costs = ", ".join(f"{size}: {1000 * seconds:.1f} ms" for size, seconds in self._costs.items())
        log.info(
            "ready: %s on %s, %s (%s), ticks of %s", engine.student.name, engine.device, engine.backend, engine.precision, costs
        )
        self.state = "ready"
        while tasks := self._next_tick():
            tasks = [task for task in tasks if self._await_image(task)]
            if tasks:
                self._tick(tasks)
        self.state = "stopped"
        self._abandon()
        engine.close()

    def _next_tick(self) -> list[_Task]:
        """The tasks of the next tick; empty when it is time to stop."""
        with self._changed:
            self._changed.wait_for(lambda: self._begun or self._prepared or self._stopping)
            if self._stopping:
                return []
            count = best_size(len(self._begun) + len(self._prepared), self._costs)
            tasks = self._begun[:count]
            del self._begun[:count]
            while len(tasks) < count:
                tasks.append(self._prepared.popleft())
            self._prefetch()
            return tasks

    def _await_image(self, task: _Task) -> bool:
        """Take the decoded image; False, and the job answered, if there is none or nobody wants it any more."""
        job = task.job
        if not self._queue.wanted(job.id) or job.deadline < time.time():
            self._engine.forget(job.id)
            self._answer(job, Outcome.DROPPED_LATE, "late", "the image was not needed in time any more")
            return False
        if task.decoding is None:
            return True
        try:
            task.image, seconds = task.decoding.result()
        except codec.BadImage as error:
            self._answer(job, Outcome.FAILED, "bad_image", str(error))
            return False
        task.decoding = None
        task.timings = Timings(decode=seconds)
        return True

    def _tick(self, tasks: list[_Task]) -> None:
        now, began = time.time(), time.perf_counter()
        painted = self._paint(tasks)
        seconds = time.perf_counter() - began
        self._metrics.tick(seconds, len(tasks))
        for task, result in zip(tasks, painted, strict=True):
            before = task.timings
            wait = before.wait if task.index else max(0.0, now - task.job.created - before.decode)
            task.timings = Timings(wait=wait, decode=before.decode, engine=before.engine + seconds)
            task.rows = len(tasks)
            task.image = None
            if result.error is not None:
                self._answer(task.job, Outcome.FAILED, "engine_error", result.error)
            elif result.image is not None:
                self._pool.submit(self._finish, task, result.image)
            else:
                task.index += 1
                self._begun.append(task)

    def _paint(self, tasks: list[_Task]) -> list[Painted]:
        """Tick; if a tick of several fails, each alone, so that one job's fault is its own."""
        try:
            return self._engine.tick([self._row(task) for task in tasks])
        except Exception as error:
            if len(tasks) == 1:
                log.exception("a tick failed")
                return [Painted(error=f"the engine failed on this image: {error}")]
            return [self._paint([task])[0] for task in tasks]

    def _row(self, task: _Task) -> Row:
        job = task.job
        last = task.index == len(task.steps) - 1
        return Row(job.id, task.index, task.steps[task.index], last, self._condition(job.prompt), job.seed, task.image)

    def _condition(self, prompt: Prompt) -> Conditioning:
        if len(prompt) == 1:
            return self._condition_one(prompt[0][0])
        parts = [np.float32(weight) * self._condition_one(text) for text, weight in prompt]
        return np.asarray(np.sum(parts, axis=0, dtype=np.float32))

    def _condition_one(self, text: str) -> Conditioning:
        known = self._conditioning.get(text)
        if known is None:
            known = self._conditioning[text] = self._engine.condition(text)
            while len(self._conditioning) > _PROMPTS_KEPT:
                self._conditioning.popitem(last=False)
        else:
            self._conditioning.move_to_end(text)
        return known

    # answers -----------------------------------------------------------------------------------------------------

    def _finish(self, task: _Task, pixels: Pixels) -> None:
        began = time.perf_counter()
        job, timings = task.job, task.timings
        try:
            image = codec.encode(pixels, job.format, job.quality)
        except Exception as error:
            log.exception("an image could not be encoded")
            self._answer(job, Outcome.FAILED, "encode_error", f"the image could not be encoded: {error}")
            return
        timings = Timings(timings.wait, timings.decode, timings.engine, time.perf_counter() - began)
        self._deliver(job, Result(job.id, Outcome.IMAGE, image, task.rows, timings))

    def _answer(self, job: Job, outcome: Outcome, code: str, message: str) -> None:
        self._deliver(job, Result(job.id, outcome, code=code, message=message))

    def _deliver(self, job: Job, result: Result) -> None:
        self._metrics.result(job.api, result, time.time() - job.created)
        self._queue.deliver(result)

    def _abandon(self) -> None:
        """Answer everything that will not be painted any more."""
        with self._changed:
            waiting = [task.job for task in (*self._begun, *self._prepared)]
            waiting += self._batcher.pick(len(self._batcher), 0.0).run
            self._prepared.clear()
        waiting += self._queue.take(0.0)
        for job in waiting:
            self._answer(job, Outcome.FAILED, "shutting_down", "the server is shutting down")
