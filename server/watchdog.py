"""Notices a thread that hangs: what it does has a time, and somebody looks on."""

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager

_LOOKS = 20
"""Looks at the clock within the time that an act has."""
_SELDOM, _OFTEN = 0.25, 0.005
"""Seconds between two looks, at most and at least."""


class Watchdog:
    """Watches one thread, which says what it does by `watching`. A thread of its own looks on between `start` and `stop`.

    `hung` is told when an act has taken longer than its limit, `back` when it ended after all, and `lost` when it has not
    within some time more: then nobody need wait for it any longer. `hung` and `lost` are given a sentence for a person. They
    are called one at a time.
    """

    def __init__(
        self,
        hung: Callable[[str], None],
        back: Callable[[], None],
        lost: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._hung, self._back, self._lost, self._clock = hung, back, lost, clock
        self._lock = threading.Lock()
        self._act: _Act | None = None
        self._reported = False
        self._stopping = threading.Event()
        self._pause = _SELDOM
        self._thread = threading.Thread(target=self._look_on, name="watchdog", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()

    def watching(self, what: str, limit: float, more: float | None = None) -> AbstractContextManager[None]:
        """`with` it around an act of the watched thread that should take no longer than `limit` seconds.

        It is lost after `more` seconds on top of them; as many again, if nothing is said.
        """
        return _Act(self, what, limit, limit if more is None else more)

    def _enter(self, act: "_Act") -> None:
        self._pause = min(self._pause, max(_OFTEN, act.limit / _LOOKS))
        act.began = self._clock()
        self._act = act

    def _leave(self) -> None:
        with self._lock:
            self._act, had_reported, self._reported = None, self._reported, False
            if had_reported:
                self._back()

    def again(self) -> None:
        """What is being done has begun anew, and has its whole time again."""
        if (act := self._act) is not None:
            act.began = self._clock()

    def look(self) -> bool:
        """Look once; False when there is nothing more to look at, since the thread is lost."""
        with self._lock:
            if (act := self._act) is None:
                return True
            taken = self._clock() - act.began
            said = f"{act.what} has not come to its end in {taken:.1f} s"
            if taken > act.limit and not self._reported:
                self._reported = True
                self._hung(said)
            if taken > act.limit + act.more:
                self._lost(said)
                return False
            return True

    def _look_on(self) -> None:
        while not self._stopping.wait(self._pause):
            if not self.look():
                return


class _Act(AbstractContextManager[None]):
    """One act that is watched."""

    __slots__ = ("_watchdog", "began", "limit", "more", "what")

    def __init__(self, watchdog: Watchdog, what: str, limit: float, more: float) -> None:
        self._watchdog, self.what, self.limit, self.more, self.began = watchdog, what, limit, more, 0.0

    def __enter__(self) -> None:
        self._watchdog._enter(self)

    def __exit__(self, *_: object) -> None:
        self._watchdog._leave()
