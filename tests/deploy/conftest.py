"""One rehearsal for all tests here: servers under load, alone and with a queue between, and a Prometheus that reads them."""

import asyncio
import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from math import isnan

import pytest

from benchmarks.rehearsal import apart, traffic
from benchmarks.rehearsal.boards import Board, Target, fill
from benchmarks.rehearsal.prometheus import Prometheus, Series, missing_tools, prometheus
from benchmarks.serving import HOST, Serving, serving
from benchmarks.workers.stand import Stand

SECONDS = 14.0
GRAFANAS_OWN = {"__rate_interval": "5s", "__range": f"{round(SECONDS)}s"}
# some wait too long, some find no room: so that every panel has something to show
SERVER = (
    "--engine", "fake", "--fake-tick", "0.005", "--fake-row", "0.001",
    "--max-sessions", "3", "--max-sessions-per-owner", "3", "--max-waiting", "20", "--still-deadline", "0.02", "--watts", "35",
)  # fmt: skip


@dataclass(frozen=True)
class Rehearsal:
    """What came of it: a Prometheus that holds the time from `start` to `end`."""

    prometheus: Prometheus
    start: float
    end: float

    def samples(self, board: Board, target: Target) -> list[Series]:
        """What a panel would draw, with all servers and all students chosen. NaN is not drawn."""
        expr = fill(target.expr, board.values() | GRAFANAS_OWN)
        at_end = target.instant
        found = self.prometheus.now(expr, self.end) if at_end else self.prometheus.over(expr, self.start, self.end, 1.0)
        drawn = [Series(s.labels, [(when, value) for when, value in s.samples if not isnan(value)]) for s in found]
        return [series for series in drawn if series.samples]


async def _everybody(port: int, front: Serving) -> None:
    await asyncio.gather(
        apart.use(front, SECONDS, users=1, fps=5),
        traffic.user(port, traffic.still_scene(), SECONDS, fps=20, prompt="neon"),
        traffic.user(port, traffic.moving_scene(), SECONDS, fps=20, prompt="watercolor"),
        traffic.impatient_user(port, SECONDS / 2),
        traffic.later(2.0, traffic.user(port, traffic.moving_scene(), 1.0, prompt="one too many")),
        traffic.later(SECONDS / 2 + 3, traffic.user(port, traffic.broken_scene(), 3.0, fps=5, prompt="ink")),
        traffic.stills(port, SECONDS, every=0.25),
        traffic.stills(port, SECONDS, every=0.2, prompt="fake:error"),
        traffic.stills(port, SECONDS, every=0.5, at_once=6, n=10),
    )


@pytest.fixture(scope="session")
def rehearsal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rehearsal]:
    """A server has been under every kind of load for some seconds. Skipped where Prometheus is not installed."""
    if missing := missing_tools():
        pytest.skip(f"not installed here: {', '.join(missing)} (Debian's package prometheus has both)")
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(serving(SERVER))
        stand = stack.enter_context(Stand())
        [worker], [front] = stand.have(workers=1, fronts=1)
        targets = [f"{HOST}:{one.port}" for one in (server, worker, front)]
        reader = stack.enter_context(prometheus(tmp_path_factory.mktemp("prometheus"), targets))
        start = time.time()
        asyncio.run(_everybody(server.port, front))
        yield Rehearsal(reader, start, start + SECONDS)
