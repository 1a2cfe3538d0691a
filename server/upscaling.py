"""The stage after painting: pictures made larger, a tile at a time, on a thread of its own.

A tile takes its turn for the device among the ticks of all engines, so none waits for more than one tile. While anybody is
live on the device, tiles of stills have the share of it that stills have: after each the thread pauses so long.
"""

import logging
import math
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from engines.engine import Pixels
from engines.errors import EngineError, EngineLost
from engines.say import Say
from engines.student import Student
from engines.upscalers import Enlargement, Enlarger
from engines.upscalers.opening import Place, open_enlarger

from .answers import Answers
from .logs import fields
from .queue.lines import Lines
from .settings import Settings
from .shared import Shared
from .task import Task, Watched
from .types import JobKind
from .watchdog import Watchdog

log = logging.getLogger(__name__)

OpenEnlarger = Callable[[Say], Enlarger]
"""Opens what enlarges on the thread that it will belong to. May take long; says what it is doing."""

_LOOK = 0.1
"""Seconds between two looks, in a pause, at whether anybody is live."""
_CROWD = 2
"""Pictures that wait beside the one on its way."""
_TIMED = 2
"""Tiles that are timed, after one that is not."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What an upscaler can do: scale to the seconds of a whole picture, measured; or why it can do nothing now."""

    seconds: Mapping[int, float] = field(default_factory=dict)
    why_not: str = ""


@dataclass(slots=True, eq=False)
class _Picture:
    """One that waits since then, by time.monotonic, or is on its way."""

    task: Task
    pixels: Pixels
    encoded: Callable[[object], None]
    since: float
    began: float = 0.0
    enlargement: Enlargement | None = None
    over: bool = False


def opener_of(student: Student, settings: Settings) -> OpenEnlarger | None:
    """How a student's upscaler is opened; None if it has none."""
    if student.upscaler is None:
        return None
    return lambda say: open_enlarger(student, place_of(settings), say)


def place_of(settings: Settings) -> Place:
    """Where upscalers run."""
    return Place(settings.engine, settings.engine_options(), settings.cache, settings.gpu(), settings.prebuilt)


class Upscaling:
    """One student's. `publish` is told what it offers, whenever that changes; `lost` why it hangs for good."""

    def __init__(
        self,
        student: Student,
        opening: OpenEnlarger,
        answers: Answers,
        settings: Settings,
        shared: Shared,
        publish: Callable[[Offer], None],
        lost: Callable[[str], None],
    ) -> None:
        self._student, self._opening, self._answers = student, opening, answers
        self._settings, self._shared, self._publish = settings, shared, publish
        self._offer = Offer(why_not="it has not started yet")
        self._changed = threading.Condition()  # guards all below
        self._lines = {kind: Lines() for kind in JobKind}
        self._waiting: dict[int, _Picture] = {}
        self._still: _Picture | None = None  # on its way
        self._due = 0.0  # when its next tile may be made, while anybody is live
        self._now: _Picture | None = None  # the device has a tile of it
        self._stopped = False
        self._open = threading.Event()
        self._watchdog = Watchdog(self._hung, self._back, partial(self._lost, lost))
        self._thread = threading.Thread(target=self._run, name="upscaling", daemon=True)
        self._say: Say = log.info
        self._kept = self._offer

    def start(self, say: Say) -> None:
        """Open it, and wait until that is done or has failed, which is published: a student paints without it, too."""
        self._say = say
        self._watchdog.start()
        self._thread.start()
        self._open.wait()

    def take(self, task: Task, pixels: Pixels, encoded: Callable[[object], None]) -> None:
        """Have a painted picture made larger, encoded and sent. Any thread."""
        job = task.job
        with self._changed:
            why = "the server is shutting down" if self._stopped else self._offer.why_not
            full = len(self._waiting) >= self._settings.max_waiting
            if not why and not full:
                self._lines[job.kind].add(job)
                self._waiting[job.id] = _Picture(task, pixels, encoded, time.monotonic())
                self._changed.notify_all()
                return
        if why:
            self._answers.failed(job, "shutting_down" if self._stopped else "no_upscaler", no_upscaler(self._student, why))
        else:
            self._answers.refused(job, "server_busy", "too many pictures wait to be made larger; try again in a moment")

    @property
    def crowded(self) -> bool:
        """Whether so many wait already that other workers had better take the next."""
        return len(self._waiting) >= _CROWD

    def begin_stop(self) -> None:
        """Let the tile that runs be the last; does not wait."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def stop(self, patience: float = 60.0) -> bool:
        """End the thread within so many seconds; False if it hangs. What waits is left open."""
        self.begin_stop()
        self._watchdog.stop()
        if self._thread.ident is not None:
            self._thread.join(patience if not self._offer.why_not else 0.0)
        return not self._thread.is_alive()

    # its thread ------------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        enlarger: Enlarger | None = None
        try:
            enlarger, limit = self._opened()
            self._open.set()
            while self._some():
                self._work(enlarger, limit)
        except Exception as error:
            if not isinstance(error, EngineError):  # whose text says it all
                log.exception("the upscaler of %s stopped", self._student.name)
            self._give_up(str(error) or repr(error))
        finally:
            self._open.set()
            self._watchdog.stop()
            if enlarger is not None:
                enlarger.close()

    def _opened(self) -> tuple[Enlarger, float]:
        """What enlarges, and the seconds after which a tile can only be hanging."""
        settings, name = self._settings, self._student.name
        with self._watchdog.watching(f"making the upscaler of {name}", settings.build_limit, 0.0):
            enlarger = self._opening(self._say)
        with self._shared.device.ticking, self._watchdog.watching("warming up the upscaler", settings.warm_up_limit, 0.0):
            seconds = _time_tile(enlarger)
        shape = enlarger.shape
        size = self._student.width, self._student.height
        costs = {scale: len(shape.tiling(*size, scale).corners()) * seconds for scale in shape.scales}
        limit = max(settings.stuck_seconds, settings.stuck_ticks * seconds)
        self._shared.device.limits[f"{name}, upscaling"] = limit
        self._offer = Offer(costs)
        self._publish(self._offer)
        said = ", ".join(f"{scale} times: {1000 * cost:.0f} ms" for scale, cost in costs.items())
        log.info("ready: upscaling of %s on %s, %s (%s), %s", name, enlarger.device, enlarger.backend, enlarger.precision, said)
        return enlarger, limit

    def _some(self) -> bool:
        """Wait until there is something to do; False when it is time to stop."""
        with self._changed:
            while not self._stopped and not len(self._lines[JobKind.LIVE]):
                stills = self._still is not None or len(self._lines[JobKind.STILL])
                if stills and self._may():
                    break
                self._changed.wait(_LOOK if stills else None)
                if any(one.task.job.deadline < time.monotonic() for one in self._waiting.values()):
                    break
            return not self._stopped

    def _may(self) -> bool:
        """Whether stills may have the device now."""
        return time.monotonic() >= self._due or not self._shared.device.live.lately()

    def _pick(self, kind: JobKind) -> _Picture | None:
        """The next picture of a kind, its owner's turn."""
        with self._changed:
            return next((self._waiting.pop(job.id) for job in self._lines[kind].pick(1)), None)

    def _overdue(self) -> list[_Picture]:
        """Those that wait and whose deadline has passed; they wait no more."""
        now = time.monotonic()
        with self._changed:
            late = [one for one in self._waiting.values() if one.task.job.deadline < now]
            for one in late:
                del self._waiting[one.task.job.id]
                self._lines[one.task.job.kind].remove(one.task.job)
        return late

    def _work(self, enlarger: Enlarger, limit: float) -> None:
        """A live frame, if there is one, and a tile of a still."""
        for one in self._overdue():
            self._answers.late(one.task.job)
        if (frame := self._pick(JobKind.LIVE)) is not None:
            while not (frame.over or self._stopped):
                self._advance(frame, enlarger, limit)
        if self._still is None:
            self._still = self._pick(JobKind.STILL)
        if self._still is not None and self._may() and not self._stopped:
            seconds, share = self._advance(self._still, enlarger, limit), self._settings.stills_share
            self._due = time.monotonic() + seconds * (1 - share) / share
            if self._still.over:
                self._still = None

    def _advance(self, one: _Picture, enlarger: Enlarger, limit: float) -> float:
        """The next tile of a picture, and what becomes of it; the seconds that the tile took of the device."""
        task, job, now = one.task, one.task.job, time.monotonic()
        if not self._answers.wanted([job.id]) or (one.enlargement is None and job.deadline < now):
            one.over = True
            self._answers.late(job)
            return 0.0
        try:
            if one.enlargement is None:
                one.began, one.enlargement = now, Enlargement(enlarger, one.pixels, job.upscale)
            seconds = self._tile(one, one.enlargement, limit)
            if not one.enlargement.done:
                return seconds
            picture = one.enlargement.picture()
        except Exception as error:
            if not isinstance(error, EngineError):
                log.exception("a picture could not be made larger", extra=fields(request=job.request))
            one.over = True
            self._answers.failed(job, "engine_error", f"the upscaler failed on this picture: {error}")
            if isinstance(error, EngineLost):
                raise
            return 0.0
        one.over = True
        wait = task.timings.wait + one.began - one.since
        task.timings = replace(task.timings, wait=wait, upscale=time.monotonic() - one.began)
        self._answers.image(task, picture, one.encoded)
        return seconds

    def _tile(self, one: _Picture, enlargement: Enlargement, limit: float) -> float:
        """One tile, in its turn for the device; the seconds that it had that."""
        device, task = self._shared.device, one.task
        with self._watchdog.watching("the wait for an engine, which has the device,", device.patience(limit), math.inf):
            device.ticking.take()
        watched = Watched(self._student.name, [task.job], self._shared.ledger, self._shared.tracer)
        began = time.perf_counter()
        try:
            self._now = one
            watched.arrived()
            with self._watchdog.watching("a tile of the upscaler", limit):
                enlargement.step()
        finally:
            self._now = None
            seconds = time.perf_counter() - began
            task.share += seconds
            watched.left(0)  # the picture was counted when it was painted
            device.ticking.leave()
        return seconds

    # when it cannot --------------------------------------------------------------------------------------------------

    def _give_up(self, why: str) -> None:
        """From now on it can do nothing, and those that wait are told."""
        log.error("%s makes no pictures larger: %s", self._student.name, why)
        with self._changed:
            self._offer = Offer(why_not=why)
            waiting = [one for one in (self._now, self._still, *self._waiting.values()) if one is not None]
            self._waiting, self._lines = {}, {kind: Lines() for kind in JobKind}
        self._publish(self._offer)
        for one in waiting:
            self._answers.failed(one.task.job, "no_upscaler", no_upscaler(self._student, why))

    def _hung(self, said: str) -> None:
        self._kept = self._offer
        self._give_up(f"it hangs: {said}")

    def _back(self) -> None:
        with self._changed:
            self._offer = self._kept
        self._publish(self._offer)
        log.warning("the upscaler of %s is back", self._student.name)

    def _lost(self, lost: Callable[[str], None], said: str) -> None:
        self._open.set()
        lost(said)


def no_upscaler(student: Student, why: str) -> str:
    """Why pictures cannot be made larger now, for a person."""
    return f"{student.name} can make no picture larger now: {why}. Ask without upscale"


def _time_tile(enlarger: Enlarger) -> float:
    """Seconds that an undisturbed tile takes."""
    shape = enlarger.shape
    tile = np.random.default_rng(0).integers(0, 256, (shape.down, shape.across, 3), dtype=np.uint8)
    seconds = []
    for _ in range(1 + _TIMED):
        began = time.perf_counter()
        enlarger.enlarge(tile)
        seconds.append(time.perf_counter() - began)
    return max(1e-4, min(seconds[1:]))
