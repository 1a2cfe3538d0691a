"""An event loop whose time passes in jumps: from one thing that is due to the next, and never by waiting."""

import asyncio
import selectors
from collections.abc import Mapping
from typing import Any


class Deadlock(RuntimeError):
    """Nothing is due any more, and somebody waits."""


class _Jumps(selectors.BaseSelector):
    """Nothing is ever ready to be read: whoever would wait has waited."""

    def __init__(self) -> None:
        self.now = 0.0
        self._registered: dict[Any, selectors.SelectorKey] = {}

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise Deadlock("nothing is due, and somebody waits")
        self.now += max(0.0, timeout)
        return []

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        # what asyncio registers are numbers of descriptors, of its own pipe only
        key = self._registered[fileobj] = selectors.SelectorKey(fileobj, fileobj, events, data)
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._registered.pop(fileobj)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._registered


class SimulatedLoop(asyncio.SelectorEventLoop):
    """asyncio on simulated seconds, which `time` tells. For one thread: nobody can wake it from outside."""

    def __init__(self) -> None:
        self._jumps = _Jumps()
        super().__init__(self._jumps)

    def time(self) -> float:
        return self._jumps.now

    def _write_to_self(self) -> None:
        # call_soon_threadsafe would wake whoever sleeps: here nobody does
        pass
