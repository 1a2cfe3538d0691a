"""A few threads that work for many owners: whoever had the least of their time is next.

Time is that of the processor, measured. What turns out to be heavy waits apart: it leaves a thread free for light work, and of
it an owner has an allowance, whose share grows with time; over it the owner's heavy work waits, though a thread be idle, for
the machine paints, too.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

T = TypeVar("T")

_IDLE_OWNERS = 256
"""Owners without work that are remembered before those that owe nothing are forgotten."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """Seconds of heavy work that an owner may have each second, and at most at once after a time without any."""

    share: float
    burst: float = 1.0


@dataclass(frozen=True, slots=True)
class Heavy(Generic[T]):
    """What work returns that found out that the rest of it takes long: `rest` is run when there is a thread for it."""

    rest: Callable[[], T]


@dataclass(slots=True)
class _Item:
    future: "Future[Any]"
    work: Callable[[], Any]
    heavy: bool = False


@dataclass(slots=True)
class _Owner:
    """`served` orders owners; `left` is what remains of the allowance, below zero where more was taken, as of `at`."""

    name: str
    served: float
    left: float
    at: float
    light: deque[_Item] = field(default_factory=deque)
    heavy: deque[_Item] = field(default_factory=deque)
    running: int = 0

    @property
    def idle(self) -> bool:
        return not (self.light or self.heavy or self.running)


class FairPool:
    """`submit` work for an owner; it is run in turn. `spent` is in seconds of the calling thread's work, `clock` of the day."""

    def __init__(
        self,
        threads: int,
        name: str,
        allowance: Allowance | None = None,
        spent: Callable[[], float] = time.thread_time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._allowance, self._spent, self._clock = allowance, spent, clock
        self._changed = threading.Condition()  # guards all below
        self._owners: dict[str, _Owner] = {}
        self._waiting: dict[str, _Owner] = {}  # those with work that is not begun
        self._served = 0.0  # of the owner that was last begun with
        self._heavy, self._most_heavy = 0, max(1, threads - 1)
        self._stopping = self._finishing = False
        self._threads = [threading.Thread(target=self._run, name=f"{name}_{index}", daemon=True) for index in range(threads)]
        self._started = False

    def submit(self, owner: str, work: "Callable[[], T | Heavy[T]]") -> "Future[T]":
        """Run `work` when it is its owner's turn. Of a future that is cancelled nothing more is begun."""
        future: Future[T] = Future()
        with self._changed:
            if self._stopping:
                raise RuntimeError("the pool is shut down")
            self._start()
            its = self._owner(owner)
            its.light.append(_Item(future, work))
            self._waiting[owner] = its
            self._changed.notify()
        return future

    def waiting(self) -> int:
        """Pieces of work not begun yet."""
        with self._changed:
            return sum(len(owner.light) + len(owner.heavy) for owner in self._waiting.values())

    def shutdown(self, finish: bool = False) -> None:
        """Take no more, and return when the threads have ended. What waits is cancelled, or with `finish` done first."""
        with self._changed:
            self._stopping, self._finishing = True, finish
            waiting = [] if finish else [item for owner in self._waiting.values() for item in (*owner.light, *owner.heavy)]
            if not finish:
                self._waiting.clear()
            self._changed.notify_all()
        for item in waiting:
            item.future.cancel()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()

    # with the lock held --------------------------------------------------------------------------------------------

    def _start(self) -> None:
        """Threads begin with the first work."""
        if not self._started:
            self._started = True
            for thread in self._threads:
                thread.start()

    def _owner(self, name: str) -> _Owner:
        owner = self._owners.get(name)
        if owner is None:
            if len(self._owners) >= _IDLE_OWNERS:
                self._forget()
            left = self._allowance.burst if self._allowance else 0.0
            owner = self._owners[name] = _Owner(name, self._served, left, self._clock())
        if owner.idle:
            owner.served = max(owner.served, self._served)  # time without work is nothing saved
        return owner

    def _forget(self) -> None:
        """Let go of those who have no work and owe nothing."""
        for name, owner in list(self._owners.items()):
            if owner.idle:
                self._until_allowed(owner)
                if self._allowance is None or owner.left >= self._allowance.burst:
                    del self._owners[name]

    def _until_allowed(self, owner: _Owner) -> float:
        """Seconds until the owner may have more heavy work; what it may have grows on the way."""
        if self._allowance is None:
            return 0.0
        now = self._clock()
        owner.left = min(self._allowance.burst, owner.left + (now - owner.at) * self._allowance.share)
        owner.at = now
        return max(0.0, -owner.left / self._allowance.share)

    def _next(self) -> tuple[_Item | None, _Owner | None, float | None]:
        """Work to do, and whose; else for how long at most to wait for some."""
        able: list[_Owner] = []
        soonest: float | None = None
        for owner in self._waiting.values():
            if owner.light:
                able.append(owner)
            elif self._heavy < self._most_heavy:
                if (wait := self._until_allowed(owner)) > 0:
                    soonest = wait if soonest is None else min(soonest, wait)
                else:
                    able.append(owner)
        best = min(able, key=lambda owner: (owner.running, owner.served), default=None)
        return (None if best is None else self._take(best)), best, soonest

    def _take(self, owner: _Owner) -> _Item:
        item = (owner.light or owner.heavy).popleft()
        if not owner.light and not owner.heavy:
            del self._waiting[owner.name]
        owner.running += 1
        self._heavy += item.heavy
        self._served = max(self._served, owner.served)
        return item

    # a thread ------------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while (taken := self._await_work()) is not None:
            owner, item = taken
            began = self._spent()
            rest = _work(item)
            seconds = self._spent() - began
            with self._changed:
                owner.running -= 1
                owner.served += seconds
                if item.heavy:
                    owner.left -= seconds
                    self._heavy -= 1
                if rest is not None and (self._finishing or not self._stopping):
                    owner.heavy.append(rest)
                    self._waiting[owner.name] = owner
                    rest = None
                self._changed.notify()
            if rest is not None:
                rest.future.cancel()

    def _await_work(self) -> tuple[_Owner, _Item] | None:
        """None when it is time to stop."""
        with self._changed:
            while not self._stopping or (self._finishing and self._waiting):
                item, owner, wait = self._next()
                if item is not None and owner is not None:
                    return owner, item
                self._changed.wait(wait)
            self._changed.notify()  # or another thread would wait on for what this one did last
        return None


def _work(item: _Item) -> _Item | None:
    """Do it; what remains to be done, if it turned out to be heavy."""
    future = item.future
    if future.cancelled():
        return None
    try:
        result = item.work()
    except BaseException as error:
        if future.set_running_or_notify_cancel():
            future.set_exception(error)
        return None
    if isinstance(result, Heavy):
        return _Item(future, result.rest, heavy=True)
    if future.set_running_or_notify_cancel():  # only now, so that it can be cancelled until it is done
        future.set_result(result)
    return None
