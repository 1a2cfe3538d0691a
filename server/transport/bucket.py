"""A token bucket: how often something may happen."""

import time
from collections.abc import Callable


class Bucket:
    """`burst` at once, and `rate` a second in the long run. What is taken beyond that is owed."""

    def __init__(self, rate: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._burst, self._clock = rate, burst, clock
        self._level, self._at = burst, clock()

    def take(self) -> bool:
        """Take one; whether there was one to take."""
        self._fill()
        self._level -= 1
        return self._level >= 0

    def wait(self) -> float:
        """Seconds until there is one to take; 0 if there is."""
        self._fill()
        return max(0.0, (1 - self._level) / self._rate)

    def _fill(self) -> None:
        now = self._clock()
        self._level = min(self._burst, self._level + (now - self._at) * self._rate)
        self._at = now
