"""One device, several engines: they take turns, and whoever has waited longest is next."""

import math
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType


class Turns:
    """A lock that is passed on in order of asking. Python's own may give it again and again to the same thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._busy = False
        self._waiting: deque[threading.Event] = deque()

    def __enter__(self) -> None:
        self.take()

    def take(self) -> None:
        """Wait for the turn."""
        with self._lock:
            if not self._busy:
                self._busy = True
                return
            mine = threading.Event()
            self._waiting.append(mine)
        mine.wait()

    @property
    def contended(self) -> bool:
        """Whether somebody waits for whoever is inside."""
        return bool(self._waiting)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.leave()

    def leave(self) -> None:
        """Pass the turn on."""
        with self._lock:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._busy = False


class Live:
    """When anybody was last painted for who watches."""

    _LATELY = 1.0
    """Seconds: a stream that pauses for longer has none of the device."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._last = clock, -math.inf

    def seen(self) -> None:
        self._last = self._clock()

    def lately(self) -> bool:
        return self._clock() - self._last < self._LATELY


@dataclass(frozen=True, slots=True)
class Device:
    """What the engines of one device share. One starts at a time, so that it can be timed undisturbed; ticks alternate."""

    starting: Turns = field(default_factory=Turns)
    ticking: Turns = field(default_factory=Turns)
    limits: dict[str, float] = field(default_factory=dict)
    """Seconds of a tick, by student, after which its engine can only be hanging."""

    live: Live = field(default_factory=Live)

    def patience(self, own: float) -> float:
        """Seconds after which whoever waits for a turn waits for an engine that hangs; `own` is its own limit."""
        return max([own, *self.limits.values()])
