"""What overlapping ticks give a server: images a second and latency of its worker, with a device that only takes time.

python -m benchmarks.overlap

The device's share of a tick is the fake engine's pause, the host's what its pictures take of numpy. Decoding, encoding,
queue and worker are the server's own.
"""

import argparse
import asyncio
import io
import time
from dataclasses import dataclass

import numpy as np
from PIL import Image

from engines.fake_device import FakeDevice
from engines.fake_engine import FakeEngine
from engines.students import load_student
from server.codec_pool import CodecPool
from server.metrics import Metrics
from server.queue import MemoryQueue
from server.session import next_job_id
from server.settings import load_settings
from server.shared import Shared
from server.types import Job, Outcome
from server.worker import Worker

TICK, ROW = 0.002, 0.0028
"""Seconds of a tick on the device: its fixed part, and each row's. About those of SD 1.5's UNet on an H100."""
SIZES = (1, 2, 4, 8)
DEPTH = 2
"""Frames that a client keeps in flight."""


@dataclass(frozen=True)
class Measured:
    """Of one run: images a second, the median and the 99th percentile of the latency in milliseconds, rows in a tick."""

    images: float
    p50: float
    p99: float
    rows: float


def frame() -> bytes:
    coarse = np.random.default_rng(0).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(coarse).resize((256, 256), Image.Resampling.BICUBIC).save(buffer, "JPEG")
    return buffer.getvalue()


def until_ready(worker: Worker) -> None:
    while not worker.board.read().ready:
        time.sleep(0.01)


async def measure(kind: type[FakeEngine], clients: int, seconds: float) -> Measured:
    """Clients in closed loop, each with `DEPTH` frames in flight."""
    student, metrics, queue = load_student("embedded"), Metrics(), MemoryQueue(1000)
    pool = CodecPool(2)
    engine = kind(student, SIZES, TICK, ROW)
    worker = Worker(student, lambda _: engine, queue, load_settings({"engine": "fake"}), Shared(pool, metrics))
    worker.start()
    await asyncio.to_thread(until_ready, worker)
    picture, latencies, rows = frame(), [], []
    began = time.perf_counter()

    async def paint(owner: str) -> None:
        while (now := time.perf_counter()) - began < seconds:
            came = time.monotonic()
            result = await queue.submit(
                Job(next_job_id(), owner, "stream", (("a boat", 1.0),), 0, came, came + 9, image=picture)
            )
            assert result.outcome is Outcome.IMAGE, result.message
            latencies.append(1000 * (time.perf_counter() - now))
            rows.append(result.rows)

    await asyncio.gather(*(paint(f"client-{number}") for number in range(clients) for _ in range(DEPTH)))
    took = time.perf_counter() - began
    queue.close()
    await asyncio.to_thread(worker.stop)
    pool.shutdown()
    p50, p99 = np.percentile(latencies, [50, 99])
    return Measured(len(latencies) / took, float(p50), float(p99), float(np.mean(rows)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=5.0)
    seconds = parser.parse_args().seconds
    print(f"{'clients':>8}{'ticks':>14}{'images/s':>10}{'p50 ms':>8}{'p99 ms':>8}{'rows':>6}")
    for clients in (1, 2, 4, 8, 16):
        for kind in (FakeEngine, FakeDevice):
            got = asyncio.run(measure(kind, clients, seconds))
            name = "one by one" if kind is FakeEngine else "overlapping"
            print(f"{clients:>8}{name:>14}{got.images:>10.1f}{got.p50:>8.1f}{got.p99:>8.1f}{got.rows:>6.1f}", flush=True)


if __name__ == "__main__":
    main()
