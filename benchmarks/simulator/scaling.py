"""Workers that come and go with the users: what an autoscaler makes of what it is shown.

Kubernetes' rule (Horizontal Pod Autoscaler): for a value beside a target, `ceil(workers * value / target)` of them; for an
amount to be shared, `ceil(amount / target each)`; of several, the most. Up to a tenth off the target is near enough. There are
fewer only once that was enough for `patience` seconds, and at most twice as many, or two more, in a minute.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import ceil
from pathlib import Path

import numpy as np

from engines.students import load_student
from server.types import JobKind

from .clock import SimulatedLoop
from .fleet import Fleet
from .run import STUDENT, Front
from .scenario import Scenario

LOOK = 15.0
"""Seconds between two looks of an autoscaler."""
MINUTE = 60.0
TOLERANCE = 0.1


@dataclass(frozen=True)
class Signals:
    """What is measured over the last minute: images asked for each second, and the mean age of the oldest live job."""

    demand: float
    lag: float


Rule = Callable[[Signals, int], float]
"""Workers wanted, by signals and the workers that there are."""


def by_lag(target: float) -> Rule:
    """As many times the workers as the lag is over its target. Seconds."""
    return lambda signals, workers: workers * signals.lag / target


def by_demand(each: float) -> Rule:
    """A worker for so many images asked for each second."""
    return lambda signals, workers: signals.demand / each


class Autoscaler:
    """Says how many workers there should be, from look to look."""

    def __init__(self, rules: Sequence[Rule], least: int, most: int, patience: float = 300.0) -> None:
        self._rules, self._least, self._most, self._patience = rules, least, most, patience
        self._wanted: deque[tuple[float, int]] = deque()
        self._were: deque[tuple[float, int]] = deque()

    def workers(self, now: float, signals: Signals, workers: int) -> int:
        """How many there should be now; `workers` is how many there are, ready or not."""
        wanted = max(self._one(rule(signals, workers), workers) for rule in self._rules)
        wanted = min(self._most, max(self._least, wanted))
        self._wanted.append((now, wanted))
        self._were.append((now, workers))
        while self._wanted[0][0] < now - self._patience:
            self._wanted.popleft()
        while self._were[0][0] < now - MINUTE:
            self._were.popleft()
        if wanted > workers:
            before = min(count for _, count in self._were)
            return min(wanted, max(2 * before, before + 2))
        return min(workers, max(count for _, count in self._wanted))

    @staticmethod
    def _one(wanted: float, workers: int) -> int:
        near = workers and abs(wanted / workers - 1) <= TOLERANCE
        return workers if near else ceil(wanted)


@dataclass(frozen=True)
class Day:
    """Users that come and go. `viewers` are (from when on, how many); a worker takes `start` seconds until it is ready."""

    scenario: Scenario
    viewers: Sequence[tuple[float, int]]
    seconds: float
    start: float = 60.0

    def there(self, now: float) -> int:
        return [count for since, count in self.viewers if since <= now][-1]


@dataclass(frozen=True)
class Moment:
    """A look: workers ready, workers asked for, workers that the viewers need, frames not painted since the last look, p95."""

    at: float
    ready: int
    asked: int
    needed: float
    dropped: float
    p95: float
    lag: float


def live(day: Day, rules: Sequence[Rule], most: int = 40) -> list[Moment]:
    """A day with these rules."""
    with asyncio.Runner(loop_factory=SimulatedLoop) as runner:
        return runner.run(_live(day, Autoscaler(rules, day.scenario.workers, most)))


async def _live(day: Day, scaler: Autoscaler) -> list[Moment]:
    scenario, loop = day.scenario, asyncio.get_running_loop()
    student = load_student(STUDENT)
    fleet = Fleet(scenario, student)
    front, moments, coming, starting = Front(scenario, student, fleet), list[Moment](), 0, list[asyncio.TimerHandle]()
    lags, demands = deque[float](maxlen=round(MINUTE)), deque[float](maxlen=round(MINUTE / LOOK))

    def come() -> None:
        nonlocal coming
        coming -= 1
        fleet.add()

    while loop.time() < day.seconds:
        for _ in range(round(LOOK)):
            people = day.there(loop.time())
            while len(front.viewers) < people:
                front.enter()
            while len(front.viewers) > people:
                front.leave()
            await asyncio.sleep(1.0)
            lags.append(fleet.queue.lag(JobKind.LIVE))
        latencies = [latency for viewer in front.viewers for latency in viewer.latencies]
        dropped = sum(viewer.dropped for viewer in front.viewers)
        asked = len(latencies) + dropped
        for viewer in front.viewers:
            viewer.forget()
        demands.append(asked / LOOK)
        signals = Signals(float(np.mean(demands)), float(np.mean(lags)))
        there = len(fleet.workers) + coming
        wanted = scaler.workers(loop.time(), signals, there)
        for _ in range(wanted - there):
            coming += 1
            starting.append(loop.call_later(day.start, come))
        for _ in range(min(there - wanted, len(fleet.workers) - 1)):
            fleet.remove()
        needed = people * scenario.fps / scenario.row_rate
        p95 = float(np.percentile(latencies, 95)) if latencies else float("nan")
        moments.append(Moment(loop.time(), len(fleet.workers), wanted, needed, dropped / max(1, asked), p95, signals.lag))
    for handle in starting:
        handle.cancel()
    while front.viewers:
        front.leave()
    return moments


_RUSHED = 600.0
"""Seconds after which the rush is over, and as many workers could be ready as it takes."""
ENGINE = {1: 0.2, 2: 0.3, 4: 0.5}
"""Seconds of a tick by its rows, of a slow engine: so that half an hour is simulated in seconds."""


def rush(seconds: float = 1800.0) -> Day:
    """Few, then ten times as many within a minute, then half of them, then few again."""
    few = replace(Scenario(workers=1, costs=ENGINE, fps=2.0, wander=0.05), viewers=0)
    steps = [(0.0, 3), *((300.0 + 6 * number, 3 + 3 * number) for number in range(1, 10)), (1100.0, 15), (1500.0, 3)]
    return Day(few, steps, seconds)


SHARE, LAG = 0.7, 0.1
"""Of what a worker paints, what it is to be asked for; and the lag, in seconds, that is near enough to none."""


def table(named: Sequence[tuple[str, Sequence[Moment]]]) -> str:
    """A line for each set of rules."""
    lines = [
        "| scaled | workers, mean | most | changes | frames not painted | after the first rush |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, moments in named:
        changes = sum(one.asked != other.asked for one, other in pairwise(moments))
        later = [one.dropped for one in moments if one.at > _RUSHED]
        lines.append(
            f"| {name} | {np.mean([one.ready for one in moments]):.1f} | {max(one.ready for one in moments)} | {changes} "
            f"| {np.mean([one.dropped for one in moments]):.1%} | {np.mean(later):.1%} |"
        )
    return "\n".join(lines)


def draw(named: Sequence[tuple[str, Sequence[Moment]]], path: Path) -> None:
    """A column for each set of rules: workers, frames not painted, and lag over the day.

    Raises ImportError without matplotlib.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 6.5), layout="constrained")
    panels = figure.subplots(3, len(named), sharex=True, sharey="row", squeeze=False)
    for column, (name, moments) in enumerate(named):
        minutes = [moment.at / 60 for moment in moments]
        workers, dropped, lag = panels[:, column]
        workers.plot(minutes, [moment.needed for moment in moments], color="grey", label="needed")
        workers.step(minutes, [moment.asked for moment in moments], where="post", color="C1", alpha=0.6, label="asked for")
        workers.step(minutes, [moment.ready for moment in moments], where="post", color="C0", label="ready")
        workers.set(title=f"workers, {name}")
        workers.legend(fontsize="small")
        dropped.plot(minutes, [moment.dropped for moment in moments], color="C3")
        dropped.set(title="frames not painted")
        lag.plot(minutes, [moment.lag for moment in moments], color="C2")
        lag.set(title="the queue's lag, s", xlabel="minutes")
        for panel in (workers, dropped, lag):
            panel.grid(alpha=0.3)
            panel.set_ylim(bottom=0)
    figure.savefig(path, dpi=80)
