"""The one thread that owns an engine: take rows, tick, deliver. While it ticks, the next tick's images are decoded.

Three kinds of thread meet here. *Intake* moves jobs from the queue to the batcher and starts decoding those that will
be in the next tick (a prefetch of one). The *engine* thread runs ticks. A bounded *pool* decodes and encodes.
"""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from engines.contract import Step, UnsupportedStrength
from engines.engine import Engine, EngineError, Painted, Pixels, Row

from . import codec
from .batcher import Batcher, best_size
from .energy import Ledger
from .logs import Seldom, fields
from .metrics import StudentMetrics
from .prompts import Prompts
from .queue import JobQueue
from .tracing import NO_TRACER, Tracer
from .turns import Device
from .types import Job, Outcome, Result, Timings

log = logging.getLogger(__name__)

Say = Callable[[str], None]

_IDLE = 0.25
"""Seconds between two looks at whether to stop."""
_FAILING_STREAM = 10.0
"""Seconds between two lines on live frames that fail: a stream of them could fail thirty times a second."""


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
    share: float = 0.0  # seconds of its ticks that are its own: of each tick an equal part

    def decoded(self) -> bool:
        return self.decoding is None or self.decoding.done()


class Worker:
    """Runs one engine for one queue. `state` goes from starting to ready to stopped, or to failed with `error` set.

    `make_engine` is called on the engine's thread and may take long; it is given a function to say what it is doing,
    which `doing` then shows. Engines of one device share `device`, and all of a server's share the `ledger` of its energy.
    """

    def __init__(
        self,
        make_engine: Callable[[Say], Engine],
        queue: JobQueue,
        pool: ThreadPoolExecutor,
        metrics: StudentMetrics,
        max_pixels: int,
        on_failed: Callable[[], None] = lambda: None,
        device: Device | None = None,
        ledger: Ledger | None = None,
        tracer: Tracer = NO_TRACER,
    ) -> None:
        self.state = "starting"
        self.doing = ""
        self.error = ""
        self._device = device or Device()
        self._make_engine, self._queue, self._pool, self._metrics = make_engine, queue, pool, metrics
        self._max_pixels, self._on_failed = max_pixels, on_failed
        self._ledger, self._tracer = ledger or Ledger(), tracer
        self._failing_stream = Seldom(_FAILING_STREAM)
        self._batcher = Batcher(queue.wanted)
        self._changed = threading.Condition()  # guards the batcher, _prepared and _stopping
        self._prepared: list[_Task] = []
        self._begun: list[_Task] = []  # jobs between two steps; the engine thread's own
        self._stopping = False
        self._costs: dict[int, float] = {1: 1.0}
        self._intake_thread = threading.Thread(target=self._intake, name="intake")
        self._engine_thread = threading.Thread(target=self._run, name="engine")

    def start(self) -> None:
        self._intake_thread.start()
        self._engine_thread.start()

    def begin_stop(self) -> None:
        """Let the tick that runs be the last; does not wait."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    def stop(self) -> None:
        """Finish the tick that runs, fail what still waits, free the engine. Returns when the threads have ended."""
        self.begin_stop()
        if self._engine_thread.ident is not None:
            self._engine_thread.join()

    def waiting(self) -> int:
        """Jobs taken from the queue and not yet in a tick."""
        return len(self._batcher) + len(self._prepared)

    def tick_seconds(self) -> float:
        """What a tick of the largest size takes; 0 before the engine is ready."""
        return self._costs[max(self._costs)] if self.state == "ready" else 0.0

    # intake ------------------------------------------------------------------------------------------------------

    def _intake(self) -> None:
        while not self._stopping and self.state != "failed":
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
        while (room := max(self._costs) - len(self._prepared)) > 0:
            picked = self._batcher.pick(room, time.time())
            for job in picked.dropped:
                self._answer(job, Outcome.DROPPED_LATE, "late", "the image was not needed in time any more")
            self._prepared += filter(None, map(self._prepare, picked.run))
            if not picked.run:
                return

    def _prepare(self, job: Job) -> _Task | None:
        contract = self._engine.student.contract
        try:
            steps = contract.still() if job.image is None else contract.repaint(job.strength)
        except UnsupportedStrength as error:
            self._answer(job, Outcome.REFUSED, "unsupported_strength", str(error))
            return None
        if job.image is None:
            return _Task(job, steps, None)
        decoding = self._pool.submit(self._decode, job.image)
        decoding.add_done_callback(self._wake)
        return _Task(job, steps, decoding)

    def _wake(self, _: object) -> None:
        with self._changed:
            self._changed.notify_all()

    def _decode(self, image: bytes) -> tuple[Pixels, float]:
        began = time.perf_counter()
        student = self._engine.student
        pixels = codec.decode(image, student.width, student.height, self._max_pixels)
        return pixels, time.perf_counter() - began

    # the engine's thread -----------------------------------------------------------------------------------------

    def _run(self) -> None:
        tasks: list[_Task] = []
        try:
            with self._device.starting:
                self._engine = self._make_engine(self._say)
                self._prompts = Prompts(lambda prompt: self._engine.condition(prompt))
                with self._device.ticking:
                    self._costs = self._engine.warm_up()
            self._announce(self._engine)
            self.state = "ready"
            while tasks := self._next_tick():
                with self._device.ticking:
                    if alive := [task for task in tasks if self._await_image(task)]:
                        self._tick(alive)
            self.state = "stopped"
        except Exception as error:
            self._fail(error)
        self._intake_thread.join()  # or a job on its way from the queue to the batcher would be left behind
        self._abandon(tasks)
        if self.state == "stopped":
            self._engine.close()

    def _say(self, doing: str) -> None:
        self.doing = doing
        log.info(doing)

    def _fail(self, error: Exception) -> None:
        what = "did not start" if self.state == "starting" else "stopped working"
        if not isinstance(error, EngineError):  # whose text says it all
            log.exception("the engine %s", what)
        self.error = f"the engine {what}: {str(error) or repr(error)}"
        self.state = "failed"
        self._on_failed()

    def _announce(self, engine: Engine) -> None:
        self._metrics.engine(engine.backend, engine.device, engine.precision, engine.batch_sizes)
        costs = ", ".join(f"{size}: {1000 * seconds:.1f} ms" for size, seconds in self._costs.items())
        log.info(
            "ready: %s on %s, %s (%s), ticks of %s", engine.student.name, engine.device, engine.backend, engine.precision, costs
        )

    def _next_tick(self) -> list[_Task]:
        """The tasks of the next tick; empty when it is time to stop. One that is still being decoded delays no other."""
        with self._changed:
            self._changed.wait_for(lambda: self._begun or self._stopping or any(task.decoded() for task in self._prepared))
            if self._stopping:
                return []
            able = self._begun + [task for task in self._prepared if task.decoded()]
            tasks = able[: best_size(len(able), self._costs)]
            self._begun = [task for task in self._begun if task not in tasks]
            self._prepared = [task for task in self._prepared if task not in tasks]
            self._prefetch()
            return tasks

    def _await_image(self, task: _Task) -> bool:
        """Take the decoded image; False, and the job answered, if there is none or nobody wants it any more."""
        job = task.job
        # between two steps it is too late to be late: what was spent would be lost
        if not self._queue.wanted(job.id) or (not task.index and job.deadline < time.time()):
            self._engine.forget(job.id)
            self._answer(job, Outcome.DROPPED_LATE, "late", "the image was not needed in time any more")
            return False
        if task.decoding is None:
            return True
        try:
            task.image, seconds = task.decoding.result()
        except Exception as error:
            if not isinstance(error, codec.BadImage):
                log.exception("an image could not be decoded", extra=fields(request=job.request))
            self._fail_job(job, "bad_image", str(error) or "the image cannot be decoded")
            return False
        task.decoding = None
        task.timings = Timings(decode=seconds)
        return True

    def _tick(self, tasks: list[_Task]) -> None:
        now, began = time.time(), time.perf_counter()
        name, jobs = self._engine.student.name, [task.job for task in tasks]
        with self._ledger.tick(name, [job.owner for job in jobs]) as tick, self._tracer.tick(name, jobs):
            painted = self._paint(tasks)
            tick.images = sum(result.image is not None for result in painted)
        seconds = time.perf_counter() - began
        self._metrics.tick(seconds, len(tasks))
        for task, result in zip(tasks, painted, strict=True):
            before = task.timings
            wait = before.wait if task.index else max(0.0, now - task.job.created - before.decode)
            task.timings = Timings(wait=wait, decode=before.decode, engine=before.engine + seconds)
            task.rows = len(tasks)
            task.share += seconds / len(tasks)
            task.image = None
            if result.error is not None:
                self._fail_job(task.job, "engine_error", result.error)
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
            self._metrics.tick_failed()
            if len(tasks) == 1:
                if not isinstance(error, EngineError):  # whose text says it all
                    log.exception("a tick failed", extra=fields(request=tasks[0].job.request))
                return [Painted(error=f"the engine failed on this image: {error}")]
            return [self._paint([task])[0] for task in tasks]

    def _row(self, task: _Task) -> Row:
        job = task.job
        last = task.index == len(task.steps) - 1
        conditioning = self._prompts.conditioning(job.prompt)
        return Row(job.id, task.index, task.steps[task.index], last, conditioning, job.seed, task.image, self._told(job))

    def _told(self, job: Job) -> float:
        """The guidance that the network is told, w = scale - 1 (Meng et al. 2023)."""
        bounds = self._engine.student.guidance
        if bounds is None:
            return 0.0
        return (bounds.default if job.guidance is None else job.guidance) - 1.0

    # answers -----------------------------------------------------------------------------------------------------

    def _finish(self, task: _Task, pixels: Pixels) -> None:
        began = time.perf_counter()
        job, timings = task.job, task.timings
        try:
            image = codec.encode(pixels, job.format, job.quality)
        except Exception as error:
            log.exception("an image could not be encoded", extra=fields(request=job.request))
            self._fail_job(job, "encode_error", f"the image could not be encoded: {error}")
            return
        timings = Timings(timings.wait, timings.decode, timings.engine, time.perf_counter() - began)
        spent = self._ledger.estimate(task.share)
        joules, meter = (None, "") if spent is None else (spent.joules, spent.meter)
        self._deliver(job, Result(job.id, Outcome.IMAGE, image, task.rows, timings, joules=joules, meter=meter))

    def _answer(self, job: Job, outcome: Outcome, code: str, message: str) -> None:
        self._deliver(job, Result(job.id, outcome, code=code, message=message))

    def _fail_job(self, job: Job, code: str, message: str) -> None:
        held_back = self._failing_stream.due() if job.api == "stream" else 0
        if held_back is not None:
            said = fields(request=job.request, api=job.api, code=code, why=message, held_back=held_back or None)
            log.warning("a job failed", extra=said)
        self._answer(job, Outcome.FAILED, code, message)

    def _deliver(self, job: Job, result: Result) -> None:
        self._metrics.result(job.api, result, time.time() - job.created)
        self._queue.deliver(result)

    def _abandon(self, broken_off: list[_Task]) -> None:
        """Answer everything that will not be painted any more; `broken_off` is the tick that did not end."""
        with self._changed:
            waiting = [task.job for task in (*broken_off, *self._begun, *self._prepared)]
            waiting += self._batcher.pick(len(self._batcher), 0.0).run
            self._prepared.clear()
        waiting += self._queue.take(0.0)
        for job in waiting:
            self._answer(job, Outcome.FAILED, "shutting_down", "the server is shutting down")
