"""How fast new connections come: taking one costs some hundred microseconds, however soon it ends."""

import time
from collections import OrderedDict
from collections.abc import Callable

from .bucket import Bucket

_MOST_KNOWN = 1024
"""Owners that are told apart; who has not come for the longest is forgotten, and has a whole burst again."""


class Arrivals:
    """New connections a second, of each owner and of all together. `burst` seconds' worth may come at once."""

    def __init__(
        self, per_owner: float, of_all: float, burst: float = 2.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._per_owner, self._burst, self._clock = per_owner, burst, clock
        self._owners: OrderedDict[str, Bucket] = OrderedDict()
        self._of_all, self._all = of_all, Bucket(of_all, of_all * burst, clock)

    def excess(self, owner: str | None, local: bool = False) -> str | None:
        """Count one that comes; why it is one too many, or None. What is refused is not counted: nobody owes for it.

        `owner` None is one who speaks for many. Whoever is `local` is held to its own limit only.
        """
        mine = None if owner is None else self._bucket(owner)
        if mine is not None and mine.wait() > 0:
            return f"more than {self._per_owner:g} new connections a second of one address"
        if not local and self._all.wait() > 0:
            return f"more than {self._of_all:g} new connections a second"
        if mine is not None:
            mine.take()
        if not local:
            self._all.take()
        return None

    def _bucket(self, owner: str) -> Bucket:
        bucket = self._owners.get(owner)
        if bucket is None:
            bucket = self._owners[owner] = Bucket(self._per_owner, self._per_owner * self._burst, self._clock)
            if len(self._owners) > _MOST_KNOWN:
                self._owners.popitem(last=False)
        self._owners.move_to_end(owner)
        return bucket
