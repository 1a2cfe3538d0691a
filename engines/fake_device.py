"""The fake engine with a device of its own: ticks that overlap as a GPU's do, in time only.

`fake:crash` fails a tick when it is finished; `fake:refuse` fails it already when it is begun.
"""

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .engine import Painted, Row
from .errors import EngineError
from .fake_engine import FakeEngine
from .student import Student

_DEPTH = 2


@dataclass(frozen=True, slots=True, eq=False)
class FakeTicket:
    """A tick of the fake device: what it will have given `until` then, by time.perf_counter."""

    until: float
    result: list[Painted] | EngineError


class FakeDevice(FakeEngine):
    """`Pipelined` on numpy. `host_seconds` is what `begin` takes of the host, the other seconds are the device's."""

    def __init__(
        self,
        student: Student,
        batch_sizes: tuple[int, ...] = (1, 2, 4, 8),
        tick_seconds: float = 0.0,
        row_seconds: float = 0.0,
        host_seconds: float = 0.0,
        gate: Path | None = None,
        copies: bool = False,
    ) -> None:
        super().__init__(student, batch_sizes, tick_seconds, row_seconds, gate, copies)
        self._host_seconds = host_seconds
        self._free = 0.0  # when the device will have done everything it was given
        self._under_way: deque[FakeTicket] = deque()

    def tick(self, rows: Sequence[Row]) -> list[Painted]:
        return self.finish(self.begin(rows))

    def begin(self, rows: Sequence[Row]) -> FakeTicket:
        if len(self._under_way) == _DEPTH:
            raise EngineError(f"{_DEPTH} ticks are under way: finish one before another is begun")
        self._check(rows, "fake:refuse")
        _sleep(self._host_seconds)
        self._free = max(self._free, time.perf_counter()) + self._pause(rows)
        ticket = FakeTicket(self._free, self._result(rows))
        self._under_way.append(ticket)
        return ticket

    def finish(self, ticket: FakeTicket) -> list[Painted]:
        if not self._under_way or self._under_way[0] is not ticket:
            raise EngineError("ticks are finished once, in the order begun")
        _sleep(ticket.until - time.perf_counter())
        self._pass_gate()
        self._under_way.popleft()
        if isinstance(ticket.result, EngineError):
            raise ticket.result
        return ticket.result

    def warm_up(self) -> dict[int, float]:
        return {size: seconds + self._host_seconds for size, seconds in super().warm_up().items()}

    def _result(self, rows: Sequence[Row]) -> list[Painted] | EngineError:
        try:
            self._check(rows, "fake:crash")
        except EngineError as error:
            return error
        return [self._paint(row) for row in rows]


def _sleep(seconds: float) -> None:
    if seconds > 0:
        time.sleep(seconds)
