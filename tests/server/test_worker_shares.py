"""The worker: live frames and stills share its ticks, so that nobody who paints many stills is in a live user's way."""

import asyncio
from typing import Any

import pytest

from server.types import JobKind
from tests.server.bench import Bench, SteppedEngine

TICKS = 40
LIVE_SEED = 99


class Client:
    """One who has so many jobs in flight, always."""

    def __init__(self, bench: Bench, in_flight: int, **job: Any) -> None:
        self._bench, self._most, self._job = bench, in_flight, job
        self._in_flight: set[asyncio.Task[Any]] = set()
        self.painted = 0

    def go_on(self) -> None:
        done = {job for job in self._in_flight if job.done()}
        self.painted += len(done)
        self._in_flight -= done
        while len(self._in_flight) < self._most:
            self._in_flight.add(self._bench.submit(**self._job))

    def leave(self) -> None:
        for job in self._in_flight:
            job.cancel()


async def _ticks(bench: Bench, count: int) -> None:
    await bench.until(lambda: len(bench.engine.ticks) == count)


@pytest.mark.parametrize("make_bench", [SteppedEngine], indirect=True)
@pytest.mark.parametrize(("sizes", "least"), [((1,), 0.75), ((1, 2, 4), 0.95)])
async def test_64_stills_beside_a_live_user(make_bench: Any, sizes: tuple[int, ...], least: float) -> None:
    """Beside 64 stills of one client a live user has four of five ticks of one row, and a row of every larger one."""
    bench = await make_bench(batch_sizes=sizes)
    greedy, neighbour = Client(bench, 64, owner="greedy", api="openai"), Client(bench, 2, owner="neighbour", seed=LIVE_SEED)
    lines, ready = bench.queue._lines, bench.worker._prefetch._tasks
    greedy.go_on()
    await _ticks(bench, 1)
    for tick in range(2, TICKS + 2):
        await bench.until(lambda: not bench.worker._answers.encoding)  # what was painted has been sent
        neighbour.go_on()
        greedy.go_on()
        await asyncio.sleep(0)
        await bench.until(lambda: not lines[JobKind.LIVE] or len(ready[JobKind.LIVE]) == max(sizes))
        bench.engine.step()
        await _ticks(bench, tick)
    live = sum(row.seed == LIVE_SEED for rows in bench.engine.ticks for row in rows)
    assert live / TICKS >= least
    assert greedy.painted >= TICKS / 5 - 3  # and stills go on, too
    for client in (greedy, neighbour):
        client.leave()
    for _ in range(TICKS):
        bench.engine.step()
