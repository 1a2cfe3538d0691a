"""Time that is not one's own: what would end after the deadline is not begun."""

import time
from collections.abc import Callable


class Deadline:
    """So many seconds from now on. Work of a kind takes about as long as it took before; what is not known yet is tried."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._began, self._end = clock, clock(), clock() + seconds
        self._longest: dict[str, float] = {}

    @property
    def spent(self) -> float:
        return self._clock() - self._began

    def has_room(self, kind: str) -> bool:
        return self._clock() + self._longest.get(kind, 0.0) < self._end

    def took(self, kind: str, seconds: float) -> None:
        self._longest[kind] = max(seconds, self._longest.get(kind, 0.0))
