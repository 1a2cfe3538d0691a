"""What tests of sessions and of the worker share."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from engines.engine import Engine
from engines.student import Student
from server.codec import Limits
from server.codec_pool import CodecPool
from server.energy import Ledger
from server.metrics import Metrics
from server.queue import MemoryQueue
from server.settings import load_settings
from server.shared import Shared
from server.status import State, Status
from server.turns import Device
from server.upscaling import OpenEnlarger
from server.worker import Worker

from .bench import Bench, GatedDevice, GatedEngine
from .hand import Client, HandQueue


@pytest.fixture
async def make_client() -> AsyncIterator[Callable[..., Client]]:
    """`make_client(...)`: a client whose session paints until the end of the test; the filter is off unless asked for."""
    pool, painting = CodecPool(1, Limits(1_000_000, 1_000_000)), []

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
    """`await make_bench(batch_sizes=..., engine=..., of=..., setting=...)`: a worker, started, and stopped at the end."""
    benches: list[Bench] = []
    pool = CodecPool(2)

    async def make(
        batch_sizes: tuple[int, ...] = (1, 2, 4),
        engine: Engine | None = None,
        of: Student = student,
        ready: bool = True,
        device: Device | None = None,
        opening: OpenEnlarger | None = None,
        **flags: str,
    ) -> Bench:
        metrics = Metrics()
        own = metrics.of("embedded")
        queue = MemoryQueue(100, lambda job, result: own.result(job.api, result, 0.0))
        gated = request.param(of, batch_sizes)
        failures: list[str] = []
        ledger = Ledger()

        def published(status: Status) -> None:
            if status.state is State.FAILED:
                failures.append(status.error)
                queue.close()

        settings = load_settings({"engine": "fake", **flags})
        shared = Shared(pool, metrics, device or Device(), ledger)
        worker = Worker(of, lambda say: engine or gated, queue, settings, shared, opening)
        worker.board.subscribe(published)
        bench = Bench(worker, queue, metrics, gated, ledger, failures)
        benches.append(bench)
        worker.start()
        if ready:
            await bench.until(lambda: bench.state is State.READY)
        return bench

    yield make
    for bench in benches:
        bench.engine.gate.set()
        bench.queue.close()
        await asyncio.to_thread(bench.worker.stop)
    pool.shutdown()
