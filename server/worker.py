"""The one thread that owns an engine: take rows, tick, deliver. While it ticks, the next tick's images are decoded.

With an engine whose ticks may overlap, the next one is begun just before the last is done, so that the device never waits.

Three kinds of thread meet here. *Intake* moves jobs from the queue to the batcher and starts decoding those that will
be in the next tick (a prefetch of one). The *engine* thread runs ticks. A bounded *pool* decodes and encodes.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from engines.engine import Engine, Row
from engines.errors import EngineError, EngineLost
from engines.say import Say

from . import codec
from .answers import Answers
from .batcher import best_size
from .energy import Ledger
from .logs import fields
from .metrics import StudentMetrics
from .prefetch import Prefetch
from .prompts import Prompts
from .queue import JobQueue
from .task import Task, Watched
from .ticking import Ticking
from .tracing import NO_TRACER, Tracer
from .turns import Device
from .types import Job, Timings

log = logging.getLogger(__name__)


_IDLE = 0.25
"""Seconds between two looks at whether to stop."""


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
        self._on_failed = on_failed
        self._ledger, self._tracer = ledger or Ledger(), tracer
        self._answers = Answers(queue, metrics, self._ledger)
        self._changed = threading.Condition()  # guards _prefetch and _stopping
        self._prefetch = Prefetch(queue.wanted, pool, self._answers, max_pixels, self._wake)
        self._begun: list[Task] = []  # jobs whose next step is not their first; the engine thread's own, like the next one
        self._boarding: list[Task] = []  # those of the tick that is being begun
        self._flying: deque[list[tuple[Task, Row]]] = deque()  # ticks under way
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
        return len(self._prefetch)

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
                    self._prefetch.add(jobs)
                    self._prefetch.fill(max(self._costs), self._engine.student)
                    self._changed.notify_all()

    def _wake(self, _: object) -> None:
        with self._changed:
            self._changed.notify_all()

    # the engine's thread -----------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            with self._device.starting:
                self._engine = self._make_engine(self._say)
                self._prompts = Prompts(lambda prompt: self._engine.condition(prompt))
                with self._device.ticking:
                    self._costs = self._engine.warm_up()
            self._announce(self._engine)
            self.state = "ready"
            with Ticking(self._engine, self._costs, self._device.ticking, self._attempt_failed) as ticking:
                self._tick_on(ticking)
            self.state = "stopped"
        except Exception as error:
            self._fail(error)
        self._intake_thread.join()  # or a job on its way from the queue to the batcher would be left behind
        self._abandon()
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

    def _tick_on(self, ticking: Ticking) -> None:
        """Begin ticks and finish them until it is time to stop."""
        while True:
            tasks = self._next_tick(ticking) if ticking.room else []
            if tasks and self._begin(ticking, tasks) and ticking.room:
                continue
            if ticking.under_way:
                self._take(ticking)
            ticking.pass_on()
            if self._stopping and not ticking.under_way:
                return

    def _next_tick(self, ticking: Ticking) -> list[Task]:
        """The tasks of the next tick; one that is still being decoded delays no other.

        Empty when it is time to stop, or to look after the tick that is under way.
        """
        with self._changed:
            if ticking.under_way:
                self._changed.wait_for(
                    lambda: self._stopping or len(self._able()) >= max(self._costs), ticking.due() - time.perf_counter()
                )
            else:
                self._changed.wait_for(lambda: self._stopping or self._able())
            if self._stopping:
                return []
            able = self._able()
            tasks = able[: best_size(len(able), self._costs)]
            self._begun = [task for task in self._begun if task not in tasks]
            self._prefetch.remove(tasks)
            self._prefetch.fill(max(self._costs), self._engine.student)
            return tasks

    def _able(self) -> list[Task]:
        """What could be in a tick now. Call with the lock held."""
        return self._begun + self._prefetch.ready()

    def _await_image(self, task: Task) -> bool:
        """Take the decoded image; False, and the job answered, if there is none or nobody wants it any more."""
        job = task.job
        # between two steps it is too late to be late: what was spent would be lost
        if not self._queue.wanted(job.id) or (not task.index and job.deadline < time.time()):
            self._engine.forget(job.id)
            task.over = True
            self._answers.late(job)
            return False
        if task.decoding is None:
            return True
        try:
            task.image, seconds = task.decoding.result()
        except Exception as error:
            if not isinstance(error, codec.BadImage):
                log.exception("an image could not be decoded", extra=fields(request=job.request))
            task.over = True
            self._answers.failed(job, "bad_image", str(error) or "the image cannot be decoded")
            return False
        task.decoding = None
        task.timings = Timings(decode=seconds)
        return True

    def _begin(self, ticking: Ticking, tasks: list[Task]) -> bool:
        """Begin a tick of those that still can be painted; False if there is none."""
        self._boarding = tasks
        ticking.take_turn()
        flying = [(task, row) for task in tasks if self._await_image(task) and (row := self._row(task)) is not None]
        if flying:
            self._flying.append(flying)
        self._boarding = []
        if not flying:
            return False
        jobs = [task.job for task, _ in flying]
        watch = Watched(self._engine.student.name, jobs, self._ledger, self._tracer)
        ticking.begin([row for _, row in flying], watch)
        for task, row in flying:
            task.image = None
            task.index += 1
            if not row.last:
                self._begun.append(task)
        return True

    def _take(self, ticking: Ticking) -> None:
        """Finish the tick that was begun first, and pass on what it gave."""
        done = ticking.finish()
        flown = self._flying.popleft()
        self._metrics.tick(done.seconds, len(flown))
        for (task, row), result in zip(flown, done.painted, strict=True):
            if task.over:  # an earlier step failed, or nobody waits any more: what it left in its slot goes, too
                self._engine.forget(task.job.id)
                continue
            before = task.timings
            wait = before.wait if row.index else max(0.0, done.started - task.job.created - before.decode)
            task.timings = Timings(wait=wait, decode=before.decode, engine=before.engine + done.seconds)
            task.rows = len(flown)
            task.share += done.seconds / len(flown)
            if result.error is not None:
                self._fail_task(task, result.error)
            elif result.image is not None:
                self._pool.submit(self._answers.image, task, result.image)

    def _fail_task(self, task: Task, why: str) -> None:
        task.over = True
        self._begun = [other for other in self._begun if other is not task]
        self._answers.failed(task.job, "engine_error", why)

    def _attempt_failed(self, error: Exception, rows: Sequence[Row]) -> None:
        self._metrics.tick_failed()
        if len(rows) == 1 and not isinstance(error, EngineError):  # whose text says it all
            request = next((task.job.request for flown in self._flying for task, row in flown if row.job == rows[0].job), "")
            log.error("a tick failed", exc_info=error, extra=fields(request=request))

    def _row(self, task: Task) -> Row | None:
        """The task's next step; None, and the job answered, if its prompt cannot be encoded."""
        job = task.job
        try:
            conditioning = self._prompts.conditioning(job.prompt)
        except EngineLost:
            raise
        except Exception as error:
            self._attempt_failed(error, [])
            if not isinstance(error, EngineError):
                log.error("a prompt could not be encoded", exc_info=error, extra=fields(request=job.request))
            self._engine.forget(job.id)
            self._fail_task(task, f"the engine failed on this prompt: {error}")
            return None
        last = task.index == len(task.steps) - 1
        return Row(job.id, task.index, task.steps[task.index], last, conditioning, job.seed, task.image, self._told(job))

    def _told(self, job: Job) -> float:
        """The guidance that the network is told, w = scale - 1 (Meng et al. 2023)."""
        bounds = self._engine.student.guidance
        if bounds is None:
            return 0.0
        return (bounds.default if job.guidance is None else job.guidance) - 1.0

    def _abandon(self) -> None:
        """Answer everything that will not be painted any more."""
        with self._changed:
            flying = [task for flown in self._flying for task, _ in flown]
            tasks = dict.fromkeys((*flying, *self._boarding, *self._begun))
            waiting = [task.job for task in tasks if not task.over] + self._prefetch.drain()
        waiting += self._queue.take(0.0)
        for job in waiting:
            self._answers.shutting_down(job)
