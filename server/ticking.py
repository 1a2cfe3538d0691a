"""The ticks of one engine: begun one after another, finished in the same order, and timed by what each took of the device.

With an engine that is `Pipelined` two may be under way: while the device runs one, the next is brought to it. Which rows
make a tick is not decided here, and what becomes of its images neither.
"""

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

from engines.engine import Engine, Painted, Pipelined, Row
from engines.errors import EngineLost

from .turns import Turns


class Watch(Protocol):
    """Told when the device comes to a tick, and when it is done with it and how many images that gave."""

    def arrived(self) -> None: ...

    def left(self, images: int) -> None: ...


_FADING = 0.05
"""Share of a slower tick that the expectation follows, and of a quicker beginning: one slow tick is no rule."""
_WAKING = 0.0005
"""Seconds that a thread may take to wake up."""


@dataclass(frozen=True, slots=True)
class Done:
    """A tick that was finished. `started`: when the device came to it, by time.monotonic; `seconds`: from there to its end."""

    painted: list[Painted]
    started: float
    seconds: float


@dataclass(slots=True, eq=False)
class _Begun:
    """A tick that was begun. It has a ticket, or what it gave, or why it failed; or none, if it is done when finished."""

    rows: Sequence[Row]
    watch: Watch
    ticket: Any = None
    painted: list[Painted] | None = None
    error: Exception | None = None


class Ticking:
    """One engine's ticks; belongs to the engine's thread. `turns` is held while any is under way.

    `costs` are the seconds of a tick by compiled size, and `failed` is told of each attempt that failed and its rows.
    """

    def __init__(
        self,
        engine: Engine,
        costs: Mapping[int, float],
        turns: Turns,
        failed: Callable[[Exception, Sequence[Row]], None],
    ) -> None:
        self._engine, self._turns, self._failed = engine, turns, failed
        self._pipeline = engine if isinstance(engine, Pipelined) else None
        self._expected = dict(costs)
        self._bringing = 0.0  # seconds that `begin` takes
        self._ticks: deque[_Begun] = deque()
        self._holding = False
        self._started, self._began = 0.0, 0.0  # when the device came to the tick that runs, by either clock

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._holding:
            self._holding = False
            self._turns.leave()

    @property
    def under_way(self) -> int:
        return len(self._ticks)

    @property
    def room(self) -> bool:
        """Whether a tick may be begun. Not a second one while somebody else waits for the device."""
        if not self._ticks:
            return True
        first = self._ticks[0]
        return self._pipeline is not None and len(self._ticks) == 1 and first.error is None and not self._turns.contended

    def due(self) -> float:
        """When to begin the next tick, by time.perf_counter: as late as keeps the device at work. A tick must be under way.

        What is begun later has more rows to choose from, and newer frames.
        """
        rows = len(self._ticks[0].rows)
        return self._began + self._expected[self._size(rows)] - self._bringing - _WAKING

    def take_turn(self) -> None:
        """Wait for the device, if it is not ours already. Every turn ends: by `finish`, or by `pass_on` if nothing is begun."""
        if not self._holding:
            self._turns.take()
            self._holding = True

    def pass_on(self) -> None:
        """Let others have the device, if nothing is under way."""
        if self._holding and not self._ticks:
            self._holding = False
            self._turns.leave()

    def begin(self, rows: Sequence[Row], watch: Watch) -> None:
        """Begin a tick, for which there must be `room`. What fails is told by `finish`."""
        assert self.room
        self.take_turn()
        tick = _Begun(rows, watch)
        first = not self._ticks
        self._ticks.append(tick)
        if first:
            self._arrive(tick)
        if self._pipeline is None:
            return
        began = time.perf_counter()
        try:
            tick.ticket = self._pipeline.begin(rows)
        except Exception as error:
            tick.error = error
        took = time.perf_counter() - began
        self._bringing = max(took, self._bringing + _FADING * (took - self._bringing))

    def finish(self) -> Done:
        """Wait for the tick that was begun first. If a tick of several fails, each of its rows is done again, alone.

        Raises EngineLost if there is no use in that, and RuntimeError if the engine breaks its protocol.
        """
        tick = self._ticks[0]
        try:
            self._settle(tick)
            if isinstance(tick.error, EngineLost):
                self._failed(tick.error, tick.rows)
                raise tick.error
            if tick.error is not None:
                tick.painted = self._again(tick, tick.error)
            if tick.painted is None or len(tick.painted) != len(tick.rows):
                raise RuntimeError(f"the engine did not answer {len(tick.rows)} rows with as many results")
            seconds = time.perf_counter() - self._began
            done = Done(tick.painted, self._started, seconds)
            if tick.error is None:
                self._expect(self._size(len(tick.rows)), seconds)
        finally:
            self._ticks.popleft()
            tick.watch.left(sum(result.image is not None for result in tick.painted or ()))
            if self._ticks:
                self._arrive(self._ticks[0])
        return done

    # parts ---------------------------------------------------------------------------------------------------------

    def _arrive(self, tick: _Begun) -> None:
        """The device comes to this tick."""
        self._started, self._began = time.monotonic(), time.perf_counter()
        tick.watch.arrived()

    def _settle(self, tick: _Begun) -> None:
        """Wait for what a tick gave, or why it failed."""
        if tick.painted is not None or tick.error is not None:
            return
        try:
            if self._pipeline is None:
                tick.painted = self._engine.tick(tick.rows)
            else:
                tick.painted = self._pipeline.finish(tick.ticket)
        except Exception as error:
            tick.error = error

    def _again(self, tick: _Begun, error: Exception) -> list[Painted]:
        """Each row of a tick that failed, alone, so that one job's fault is its own."""
        self._failed(error, tick.rows)
        if len(tick.rows) == 1:
            return [_failure(error)]
        later = [other for other in self._ticks if other is not tick]
        for other in later:  # ticks are finished in the order begun, and these were begun before what comes now
            self._settle(other)
        gone_on = {row.job for other in later for row in other.rows}
        return [_failure(error) if row.job in gone_on else self._alone(row) for row in tick.rows]

    def _alone(self, row: Row) -> Painted:
        try:
            return self._engine.tick([row])[0]
        except Exception as error:
            self._failed(error, [row])
            return _failure(error)

    def _expect(self, size: int, seconds: float) -> None:
        before = self._expected[size]
        self._expected[size] = min(seconds, before + _FADING * (seconds - before))

    def _size(self, rows: int) -> int:
        return next(size for size in sorted(self._expected) if size >= rows)


def _failure(error: Exception) -> Painted:
    return Painted(error=f"the engine failed on this image: {error}")
