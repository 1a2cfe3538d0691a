"""One scenario, from its first frame to what came of it."""

import asyncio
import random
from collections.abc import Sequence
from typing import cast

import numpy as np
from numpy.typing import NDArray

from engines.student import Student
from engines.students import load_student
from server.codec_pool import CodecPool
from server.metrics import Metrics
from server.served import serve_student
from server.settings import Settings
from server.shared import Shared
from server.types import JobKind

from .clock import SimulatedLoop
from .fleet import Fleet
from .people import InstantPool, Programs, Viewer
from .scenario import Latency, Outcome, Scenario

STUDENT = "embedded"
_LOOKS = 200
"""Looks at the queue's lag in the seconds that count."""


def simulate(scenario: Scenario) -> Outcome:
    """What comes of it. The same scenario gives the same outcome."""
    with asyncio.Runner(loop_factory=SimulatedLoop) as runner:
        return runner.run(_simulate(scenario))


class Front:
    """The server's own front, with nobody in it yet. It knows of its workers what they say: what their ticks take."""

    def __init__(self, scenario: Scenario, student: Student, fleet: Fleet) -> None:
        loop = asyncio.get_running_loop()
        shared = Shared(cast(CodecPool, InstantPool()), Metrics(loop.time))
        self._served = serve_student(student, fleet.queue, lambda: fleet.outlook, Settings(), shared, clock=loop.time)
        self._scenario, self._random = scenario, random.Random(scenario.seed + 2)
        self.viewers: list[Viewer] = []

    def enter(self) -> Viewer:
        """One more viewer, who begins at some moment of the next frame's time."""
        session = self._served.make_session(f"viewer-{len(self.viewers)}")
        viewer = Viewer(session, self._scenario.fps, self._scenario.jitter, self._random)
        self.viewers.append(viewer)
        return viewer

    def leave(self) -> None:
        """The one who came last goes."""
        self.viewers.pop().leave()


async def _simulate(scenario: Scenario) -> Outcome:
    student = load_student(STUDENT)
    fleet = Fleet(scenario, student)
    front, programs = Front(scenario, student, fleet), Programs(scenario, fleet.queue)
    for _ in range(scenario.viewers):
        front.enter()
    await asyncio.sleep(scenario.warmup)
    programs.forget()
    for viewer in front.viewers:
        viewer.forget()
    before = [(worker.ticks, worker.rows, worker.images, worker.busy) for worker in fleet.workers]
    lags = []
    for _ in range(_LOOKS):
        await asyncio.sleep(scenario.seconds / _LOOKS)
        lags.append(fleet.queue.lag(JobKind.LIVE))
    after = [(worker.ticks, worker.rows, worker.images, worker.busy) for worker in fleet.workers]
    outcome = _outcome(scenario, front.viewers, programs, np.subtract(after, before), float(np.mean(lags)))
    programs.leave()
    for viewer in front.viewers:
        viewer.leave()
    return outcome


def _outcome(
    scenario: Scenario, viewers: Sequence[Viewer], programs: Programs, grown: NDArray[np.float64], lag: float
) -> Outcome:
    """`grown`: ticks, rows, images and busy seconds [workers, 4] of the seconds that count."""
    ticks, rows, images, busy = grown.sum(axis=0)
    each = np.array([len(viewer.latencies) for viewer in viewers], dtype=float)
    latencies = [latency for viewer in viewers for latency in viewer.latencies]
    dropped = sum(viewer.dropped for viewer in viewers)
    return Outcome(
        scenario,
        images=len(latencies) / scenario.seconds,
        stills=len(programs.latencies) / scenario.seconds,
        live=_latency(latencies),
        still=_latency(programs.latencies),
        busy=busy / scenario.seconds / scenario.workers,
        rows=rows / max(1, ticks),
        used=images / scenario.seconds / scenario.capacity,
        dropped=dropped / max(1, dropped + len(latencies)),
        fairness=each.sum() ** 2 / (len(each) * (each**2).sum()) if each.any() else 1.0,
        lag=lag,
        by_worker=tuple(int(count) for count in grown[:, 2]),
        refused=programs.late + sum(viewer.failed for viewer in viewers),
    )


def _latency(seconds: Sequence[float]) -> Latency:
    return Latency(*map(float, np.percentile(seconds, [50, 95, 99]))) if seconds else Latency(*[float("nan")] * 3)
