"""What tests of sessions and of the worker share."""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from engines.engine import Engine
from engines.student import Student
from server.energy import Ledger
from server.metrics import Metrics
from server.queue import MemoryQueue
from server.worker import Worker

from .bench import Bench, GatedDevice, GatedEngine
from .hand import Client, HandQueue


@pytest.fixture
async def make_client() -> AsyncIterator[Callable[..., Client]]:
    """`make_client(...)`: a client whose session paints until the end of the test; the filter is off unless asked for."""
    pool, painting = ThreadPoolExecutor(1), []

    def make(similar: bool = False, **more: Any) -> Client:
        client = Client(HandQueue(), pool, **more)
        if not similar:
            client.params(similarity=None)
            client.sent.clear()
        painting.append(asyncio.ensure_future(client.session.paint()))
        return client

    yield make
    for task in painting:
        task.cancel()
    await asyncio.wait(painting)
    pool.shutdown()


@pytest.fixture(params=[GatedEngine, GatedDevice], ids=["one by one", "overlapping"])
async def make_bench(student: Student, request: pytest.FixtureRequest) -> AsyncIterator[Callable[..., Any]]:
    """`await make_bench(batch_sizes=..., engine=..., student=...)`: a worker, started, and stopped at the end."""
    benches: list[Bench] = []
    pool = ThreadPoolExecutor(2)

    async def make(
        batch_sizes: tuple[int, ...] = (1, 2, 4), engine: Engine | None = None, of: Student = student, ready: bool = True
    ) -> Bench:
        queue, metrics = MemoryQueue(100), Metrics()
        gated = request.param(of, batch_sizes)
        failures: list[str] = []
        own = metrics.of("embedded")
        ledger = Ledger()

        def failed() -> None:
            failures.append(worker.error)

        worker = Worker(lambda say: engine or gated, queue, pool, own, 16_000_000, failed, ledger=ledger)
        bench = Bench(worker, queue, metrics, gated, ledger, failures)
        benches.append(bench)
        worker.start()
        if ready:
            await bench.until(lambda: worker.state == "ready")
        return bench

    yield make
    for bench in benches:
        bench.engine.gate.set()
        bench.queue.close()
        await asyncio.to_thread(bench.worker.stop)
    pool.shutdown()
