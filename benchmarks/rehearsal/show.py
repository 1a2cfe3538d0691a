"""What a dashboard shows of a stretch of time: every series with the name it is drawn by."""

from dataclasses import dataclass
from math import isnan

from .boards import Board, Panel, Target, fill, legend
from .prometheus import Prometheus, Series

DAY = 86400.0


@dataclass(frozen=True)
class Named:
    """A series and its name in the legend."""

    name: str
    series: Series

    @property
    def times(self) -> list[float]:
        """In days since the epoch, as matplotlib counts them."""
        return [when / DAY for when, _ in self.series.samples]

    @property
    def values(self) -> list[float]:
        return [value for _, value in self.series.samples]

    @property
    def last(self) -> float:
        """The last value that is a number, else NaN."""
        return next((value for value in reversed(self.values) if not isnan(value)), float("nan"))


class Show:
    """A stretch of time, asked of a Prometheus. `interval` is what Grafana would put for $__rate_interval."""

    def __init__(self, prometheus: Prometheus, start: float, end: float, step: float, interval: str) -> None:
        self._prometheus, self.start, self.end, self._step = prometheus, start, end, step
        self._own = {"__rate_interval": interval, "__range": f"{round(end - start)}s"}

    def ask(self, board: Board, panel: Panel) -> list[Named]:
        """All series of a panel that have a value."""
        found = [Named(legend(target.legend, s.labels), s) for target in panel.targets for s in self.answer(board, target)]
        return [named for named in found if not isnan(named.last)]

    def answer(self, board: Board, target: Target) -> list[Series]:
        """The series of one query, with everything chosen that can be."""
        expr = fill(target.expr, board.values() | self._own)
        if target.instant:
            return self._prometheus.now(expr, self.end)
        return self._prometheus.over(expr, self.start, self.end, self._step)
