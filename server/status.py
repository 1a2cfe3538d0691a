"""What is known of a student's worker: a value that the worker publishes and front ends read, in one process or over a wire."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Protocol


class State(StrEnum):
    """How far a worker is."""

    STARTING = "starting"
    READY = "ready"
    STUCK = "stuck"
    FAILED = "failed"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Status:
    """A worker, seen from outside. `seconds` are those of an undisturbed tick of each compiled size, measured at start.

    `upscales` are the seconds of making a picture larger, by how many times; `no_upscale` says why that cannot be done now,
    where the student has an upscaler.

    `doing` is what a start is busy with; `error` says for a person why the worker is stuck or has failed.
    """

    student: str
    state: State = State.STARTING
    doing: str = ""
    error: str = ""
    backend: str = ""
    device: str = ""
    precision: str = ""
    seconds: Mapping[int, float] = field(default_factory=dict)
    upscales: Mapping[int, float] = field(default_factory=dict)
    no_upscale: str = ""

    @property
    def ready(self) -> bool:
        return self.state is State.READY

    @property
    def sizes(self) -> tuple[int, ...]:
        """Tick sizes that are compiled, ascending; none before the worker was ready."""
        return tuple(sorted(self.seconds))

    @property
    def largest(self) -> int:
        """Rows of the largest tick; 1 before the worker was ready."""
        return max(self.seconds, default=1)

    @property
    def tick_seconds(self) -> float:
        """What a tick of the largest size takes; 0 before the worker was ready."""
        return self.seconds.get(self.largest, 0.0)

    @property
    def row_seconds(self) -> float:
        """What a row takes in the size of tick that has the most rows a second; 0 before the worker was ready."""
        return min((seconds / size for size, seconds in self.seconds.items()), default=0.0)

    @property
    def lost(self) -> str:
        """Why it has failed for good; empty if it has not."""
        return self.error if self.state is State.FAILED else ""

    def not_ready(self) -> str | None:
        """Why it cannot paint now, for a person; None if it can."""
        match self.state:
            case State.READY:
                return None
            case State.STARTING:
                doing = f" ({self.doing})" if self.doing else ""
                return f"starting: the engine of {self.student} is being built and warmed up{doing}"
            case State.STOPPED:
                return "shutting down"
            case _:
                return self.error


class Outlook(Protocol):
    """What a front end knows of those who paint a student: of one worker, or of all together."""

    @property
    def ready(self) -> bool: ...

    @property
    def lost(self) -> str:
        """Why nothing will be painted any more, until a person sees to it; empty if something may be."""
        ...

    @property
    def largest(self) -> int:
        """Rows that can be in ticks at once."""
        ...

    @property
    def tick_seconds(self) -> float:
        """What a tick takes where it takes longest; 0 while nobody is ready."""
        ...

    @property
    def row_seconds(self) -> float:
        """What a row takes while all paint; 0 while nobody is ready."""
        ...

    @property
    def upscales(self) -> Mapping[int, float]:
        """How many times larger pictures can be made, and the seconds of it, by all who paint. Empty while nobody is ready."""
        ...

    @property
    def no_upscale(self) -> str:
        """Why none can be made larger now; empty if that is not so, or not known."""
        ...

    def not_ready(self) -> str | None:
        """Why nobody can paint now, for a person; None if somebody can."""
        ...


class Statuses(tuple[Status, ...]):
    """Of several workers. What all are together is asked at every frame, and there may be a thousand: it is summed once."""

    @cached_property
    def at_work(self) -> "Statuses":
        return Statuses(worker for worker in self if worker.ready)

    @cached_property
    def largest(self) -> int:
        return sum(worker.largest for worker in self)

    @cached_property
    def tick_seconds(self) -> float:
        return max((worker.tick_seconds for worker in self), default=0.0)

    @cached_property
    def row_seconds(self) -> float:
        rates = [1 / worker.row_seconds for worker in self if worker.row_seconds]
        return 1 / sum(rates) if rates else 0.0

    @cached_property
    def upscales(self) -> Mapping[int, float]:
        # a job may come to any of them, and so one is asked for what all can do
        offers = [worker.upscales for worker in self]
        common = set.intersection(*map(set, offers)) if offers else set()
        return {scale: max(one[scale] for one in offers) for scale in sorted(common)}


NOBODY = Statuses()


@dataclass(frozen=True, slots=True)
class Fleet:
    """All workers of one student, seen as one.

    `workers` are `Statuses` where they are many. `trouble` is why none of them can be reached now, and `lost` why none ever
    will; empty if that is not so.
    """

    student: str
    workers: tuple[Status, ...] = NOBODY
    trouble: str = ""
    lost: str = ""

    @property
    def _at_work(self) -> Statuses:
        workers = self.workers if isinstance(self.workers, Statuses) else Statuses(self.workers)
        return NOBODY if self.trouble else workers.at_work

    @property
    def ready(self) -> bool:
        return bool(self._at_work)

    @property
    def largest(self) -> int:
        return self._at_work.largest or 1

    @property
    def tick_seconds(self) -> float:
        return self._at_work.tick_seconds

    @property
    def row_seconds(self) -> float:
        return self._at_work.row_seconds

    @property
    def upscales(self) -> Mapping[int, float]:
        return self._at_work.upscales

    @property
    def no_upscale(self) -> str:
        return next((worker.no_upscale for worker in self._at_work if worker.no_upscale), "")

    def not_ready(self) -> str | None:
        if self.trouble:
            return self.trouble
        if self._at_work:
            return None
        # One that is leaving is seen a moment longer, and what ends is it, not the front end that says this
        staying = (worker for worker in self.workers if worker.state is not State.STOPPED)
        why = (said for worker in staying if (said := worker.not_ready()) is not None)
        return next(why, f"no worker serves {self.student} now")


class Board:
    """Where a worker's status is read: the last one published. Any thread."""

    def __init__(self, student: str) -> None:
        self._status = Status(student)
        self._readers: list[Callable[[Status], None]] = []

    def read(self) -> Status:
        return self._status

    def publish(self, status: Status) -> None:
        """Show it, and tell those who asked to be told; on the caller's thread."""
        self._status = status
        for reader in self._readers:
            reader(status)

    def subscribe(self, reader: Callable[[Status], None]) -> None:
        """Call this with each status that is published from now on. It must be quick and must not raise."""
        self._readers.append(reader)
