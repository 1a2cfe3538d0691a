"""Time that is not one's own: what would end after the deadline is not begun."""

import time
from collections.abc import Callable, Mapping


class Deadline:
    """So many seconds from now on. Work of a kind takes about as long as it took before; `expected` says how long it is
    taken to last until it is known, in seconds by kind. What is in neither is tried."""

    def __init__(
        self, seconds: float, expected: Mapping[str, float] | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock, self._began, self._end = clock, clock(), clock() + seconds
        self._expected = dict(expected or {})
        self._longest: dict[str, float] = {}

    @property
    def spent(self) -> float:
        return self._clock() - self._began

    @property
    def left(self) -> float:
        return max(0.0, self._end - self._clock())

    def has_room(self, kind: str) -> bool:
        return self._clock() + self._longest.get(kind, self._expected.get(kind, 0.0)) < self._end

    def took(self, kind: str, seconds: float) -> None:
        self._longest[kind] = max(seconds, self._longest.get(kind, 0.0))
