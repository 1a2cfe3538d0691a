"""One engine at work for one queue: started, watched, and stopped. What it paints, and when, is in `engine_loop`.

Four kinds of thread meet here. Two of *intake* move jobs from the queue to where the next tick takes them. The *engine* thread
runs ticks. A bounded *pool* decodes and encodes. The *watchdog* notices an engine that hangs.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from engines.engine import Engine
from engines.errors import EngineError
from engines.say import Say
from engines.student import Student

from .answers import Answers
from .batcher import Shares
from .engine_loop import EngineLoop, Warm
from .eyes import Eyes
from .intake import Intake
from .prefetch import Prefetch
from .queue import WorkerQueue
from .settings import Settings
from .shared import Shared
from .status import Board, State
from .upscaling import Offer, OpenEnlarger, Upscaling
from .watchdog import Watchdog

log = logging.getLogger(__name__)

MakeEngine = Callable[[Say], Engine]
"""Makes an engine on the thread that it will belong to. May take long; says what it is doing."""

_WAKING = 0.3
"""Seconds in which a thread ends that has nothing to do any more."""


class Worker:
    """Runs one student's engine for one queue. How far it is stands on `board`. `opening` opens what makes pictures larger."""

    def __init__(
        self,
        student: Student,
        make_engine: MakeEngine,
        queue: WorkerQueue,
        settings: Settings,
        shared: Shared,
        opening: OpenEnlarger | None = None,
    ) -> None:
        self._student, self._make_engine, self._settings, self._shared = student, make_engine, settings, shared
        self.board = Board(student.name)
        self._queue, self._publishing = queue, threading.Lock()
        self._metrics = shared.metrics.of(student.name)
        self._answers = Answers(queue, self._metrics, shared.ledger, shared.pool, settings.provenance)
        self._watchdog = Watchdog(self._hung, self._back, self._lost)
        self._prefetch: Prefetch | None = None
        self._stopping = False
        self._eyes = Eyes(student, settings.eyes())
        self._upscaling = None
        if opening is not None:
            more = (settings, shared, self._offered, self._lost)
            self._upscaling = Upscaling(student, opening, self._answers, *more)
        self._intake = Intake(student, queue, self._answers, shared.pool, lambda: self.board.read().not_ready(), self._eyes)
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)

    def start(self) -> None:
        self._watchdog.start()
        self._thread.start()

    def begin_stop(self) -> None:
        """Let the tick that runs be the last; does not wait."""
        self._stopping = True
        if self._prefetch is not None:
            self._prefetch.stop()
        if self._upscaling is not None:
            self._upscaling.begin_stop()

    def stop(self, patience: float = 60.0) -> bool:
        """Finish the tick that runs, answer what still waits, free the engine; False if that takes longer, in seconds.

        What was accepted has been answered all the same, and the engine's thread is left to itself. An engine that is being
        made, or that hangs, is not waited for.
        """
        self.begin_stop()
        if self._thread.ident is not None:
            state = self.board.read().state
            self._thread.join(_WAKING if state in (State.STARTING, State.STUCK, State.FAILED) else patience)
        ended = not self._thread.is_alive()
        if not ended:
            self._abandon()
        self._watchdog.stop()
        return ended

    def waiting(self) -> int:
        """Jobs taken from the queue and not yet in a tick."""
        return 0 if self._prefetch is None else len(self._prefetch)

    def in_flight(self) -> int:
        """Jobs taken from the queue and not yet answered."""
        return self._answers.in_flight()

    # the engine's thread -------------------------------------------------------------------------------------------

    def _run(self) -> None:
        engine: Engine | None = None
        try:
            with self._shared.device.starting:
                engine, costs, limit = self._start_engine()
            shares = Shares(self._settings.stills_share)
            self._prefetch = prefetch = Prefetch(costs, shares, lambda: self._busy(max(costs)))
            if not self._stopping:
                self._shared.device.limits[self._student.name] = limit
                self._publish_ready(engine, costs)
                self._intake.start(prefetch)
                warm, upscaling = Warm(engine, costs, limit), self._upscaling
                EngineLoop(warm, prefetch, self._answers, self._watchdog, self._shared, upscaling).run()
            self._publish(state=State.STOPPED)
        except Exception as error:
            self._fail(error)
        finally:
            self._end(engine)

    def _busy(self, largest: int) -> bool:
        """Whether there is enough to do behind the engine, so that stills had better wait in the queue, for others to take."""
        crowded = self._queue.shared and self._upscaling is not None and self._upscaling.crowded
        return crowded or self._answers.encoding >= largest

    def _start_engine(self) -> Warm:
        settings = self._settings
        with self._watchdog.watching(f"making the engine of {self._student.name}", settings.build_limit, 0.0):
            self._eyes.open()
            engine = self._make_engine(self._say)
        with self._shared.device.ticking, self._watchdog.watching("warming up", settings.warm_up_limit, 0.0):
            costs = engine.warm_up()
        if self._upscaling is not None and not self._stopping:
            self._upscaling.start(self._say)
        return Warm(engine, costs, max(settings.stuck_seconds, settings.stuck_ticks * max(costs.values())))

    def _end(self, engine: Engine | None) -> None:
        if self._prefetch is not None:
            self._prefetch.stop()
            self._intake.join()  # or a job on its way from the queue would be left behind
        if self._upscaling is not None:
            self._upscaling.stop()
        self._watchdog.stop()
        self._abandon()
        if engine is not None and self.board.read().state is State.STOPPED:
            engine.close()

    def _abandon(self) -> None:
        self._answers.abandon("shutting_down", "the server is shutting down")

    # what is said of it --------------------------------------------------------------------------------------------

    def _publish(self, **changes: Any) -> None:
        """Say what has changed. A worker that failed stays so."""
        with self._publishing:
            if (status := self.board.read()).state is not State.FAILED:
                self.board.publish(replace(status, **changes))

    def _say(self, doing: str) -> None:
        self._publish(doing=doing)
        log.info(doing)

    def _publish_ready(self, engine: Engine, costs: dict[int, float]) -> None:
        name, backend, device, precision = engine.student.name, engine.backend, engine.device, engine.precision
        self._metrics.engine(backend, device, precision, engine.batch_sizes)
        said = {"backend": backend, "device": device, "precision": precision, "seconds": dict(costs)}
        self._publish(state=State.READY, doing="", **said)
        ticks = ", ".join(f"{size}: {1000 * seconds:.1f} ms" for size, seconds in costs.items())
        log.info("ready: %s on %s, %s (%s), ticks of %s", name, device, backend, precision, ticks)

    def _offered(self, offer: Offer) -> None:
        self._publish(upscales=offer.seconds, no_upscale=offer.why_not)

    def _fail(self, error: Exception) -> None:
        what = "did not start" if self.board.read().state is State.STARTING else "stopped working"
        if not isinstance(error, EngineError):  # whose text says it all
            log.exception("the engine %s", what)
        self._publish(state=State.FAILED, error=f"the engine {what}: {str(error) or repr(error)}")

    # the watchdog's thread -----------------------------------------------------------------------------------------

    def _hung(self, said: str) -> None:
        """The engine hangs: nobody is left waiting for it."""
        why = f"the engine hangs: {said}"
        log.error(why)
        if self.board.read().state is State.READY:
            self._publish(state=State.STUCK, error=why)
        if self._prefetch is not None:
            self._prefetch.clear()
        self._answers.abandon("engine_stuck", why, blamed=True)

    def _back(self) -> None:
        if self.board.read().state is State.STUCK:
            self._publish(state=State.READY, error="")
            log.warning("the engine is back")

    def _lost(self, said: str) -> None:
        self._publish(state=State.FAILED, error=f"the engine hangs: {said}; it is given up")
        self.begin_stop()
