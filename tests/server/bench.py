"""A worker at work, with an engine that waits to be let go."""

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from engines.engine import Painted, Row
from engines.fake_device import FakeDevice, FakeTicket
from engines.fake_engine import FakeEngine
from engines.student import Student
from server.energy import Ledger
from server.metrics import Metrics
from server.queue import MemoryQueue
from server.session import next_job_id
from server.status import State
from server.types import Job, Outcome, Result
from server.worker import Worker
from tests.server.waiting import until

PATIENCE = 20.0


class Gated(FakeEngine):
    """A fake engine with a gate, which remembers its ticks."""

    def __init__(self, student: Student, batch_sizes: tuple[int, ...]) -> None:
        super().__init__(student, batch_sizes)
        self.gate, self.ticking = threading.Event(), threading.Event()
        self.gate.set()
        self.ticks: list[list[Row]] = []
        self.closed = False

    def close(self) -> None:
        self.closed = True


class GatedEngine(Gated):
    """One whose ticks wait for the gate."""

    def tick(self, rows: Sequence[Row]) -> list[Painted]:
        self.ticks.append(list(rows))
        self.ticking.set()
        assert self.gate.wait(PATIENCE)
        return super().tick(rows)


class SteppedEngine(Gated):
    """One whose ticks are let go one by one."""

    def __init__(self, student: Student, batch_sizes: tuple[int, ...]) -> None:
        super().__init__(student, batch_sizes)
        self._turns = threading.Semaphore(0)

    def tick(self, rows: Sequence[Row]) -> list[Painted]:
        self.ticks.append(list(rows))
        assert self._turns.acquire(timeout=PATIENCE)
        return super().tick(rows)

    def step(self) -> None:
        """Let the tick that waits, or the next one, run."""
        self._turns.release()


class GatedDevice(Gated, FakeDevice):
    """The same with a device: the gate is where its ticks are waited for."""

    def begin(self, rows: Sequence[Row]) -> FakeTicket:
        self.ticks.append(list(rows))
        return super().begin(rows)

    def finish(self, ticket: FakeTicket) -> list[Painted]:
        self.ticking.set()
        assert self.gate.wait(PATIENCE)
        return super().finish(ticket)


class SlowDevice(GatedDevice):
    """The same, and said to take so long that there is time to begin a second tick beside the first."""

    def warm_up(self) -> dict[int, float]:
        return dict.fromkeys(self.batch_sizes, 0.3)

    def begin(self, rows: Sequence[Row]) -> FakeTicket:
        self.ticking.set()
        return super().begin(rows)


@dataclass
class Bench:
    """A worker at work, and what surrounds it."""

    worker: Worker
    queue: MemoryQueue
    metrics: Metrics
    engine: Gated
    ledger: Ledger
    failures: list[str] = field(default_factory=list)

    @property
    def state(self) -> State:
        return self.worker.board.read().state

    def waiting(self) -> int:
        """Jobs that are in no tick yet, once the worker has as many of them ready as a tick takes; until then -1."""
        left, ready = self.queue.waiting(), self.worker.waiting()
        return left + ready if not left or ready >= max(self.engine.batch_sizes) else -1

    def submit(self, prompt: str = "a boat", owner: str = "me", **more: Any) -> "asyncio.Task[Result]":
        now = time.monotonic()
        job = Job(next_job_id(), owner, "stream", ((prompt, 1.0),), 0, now, now + PATIENCE, format="png")
        return asyncio.create_task(self.queue.submit(replace(job, **more)))

    async def until(self, true: Callable[[], object]) -> None:
        await until(true, PATIENCE)

    async def hold(self) -> "asyncio.Task[Result]":
        """Close the gate and put a job behind it."""
        self.engine.gate.clear()
        self.engine.ticking.clear()
        held = self.submit("held", "holder")
        await asyncio.to_thread(self.engine.ticking.wait, PATIENCE)
        return held

    def count(self, outcome: Outcome) -> float:
        return (
            self.metrics.registry.get_sample_value("allaprima_frames_total", {"student": "embedded", "outcome": outcome}) or 0.0
        )


one_by_one = pytest.mark.parametrize("make_bench", [GatedEngine], indirect=True)
"""For what is only so when no tick is begun before the last one is finished."""
overlapping = pytest.mark.parametrize("make_bench", [SlowDevice], indirect=True)
