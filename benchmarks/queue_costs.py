"""What a queue in Redis costs its server: python -m benchmarks.queue_costs

The queue's own scripts, called as front ends and workers call them, one after another over one connection; counted is the
processor time of Redis itself. A frame is submitted, taken and answered, of the same bytes both ways; signs of life are those
of front ends and workers of fleets of several sizes. Redis runs one script at a time: a second of processor is all it has.
"""

import argparse
import itertools
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import redis

from server.queue.redis.layout import BEAT, Layout, script
from server.queue.redis.messages import pack_status
from server.status import State, Status

from .redis_server import RedisServer

_FRONT, _WORKER = "front", "worker-0"


class Scripts:
    """The queue's scripts on a server."""

    def __init__(self, client: "redis.Redis") -> None:
        self._client, self._layout = client, Layout("measured", "1-measured")
        names = ("submit", "take", "deliver", "front_beat", "worker_beat")
        self._shas = {name: client.script_load(script(name).text) for name in names}
        self._ids = itertools.count()
        status = Status("measured", State.READY, backend="fake", device="none", precision="fp32", seconds={1: 0.02, 8: 0.09})
        self._status = pack_status(status)

    def _run(self, name: str, *arguments: bytes | str | int) -> None:
        self._client.evalsha(self._shas[name], 1, self._layout.root, *arguments)

    def frames(self, count: int, size: int, image: bytes) -> None:
        """So many frames, taken by ticks of `size`."""
        for _ in range(count // size):
            ids = [next(self._ids) for _ in range(size)]
            for number in ids:
                owner = f"owner-{number % 50}"
                self._run("submit", "live", number, owner, f"{owner}-params", _FRONT, 5, 1000, image)
            self._run("take", "live", _WORKER, size)
            for number in ids:
                self._run("deliver", _WORKER, number, image)
            self._client.xtrim(self._layout.answers(_FRONT), maxlen=0, approximate=False)

    def worker_lives(self, name: str, holds: int = 0) -> None:
        held = range(holds)
        self._run("worker_beat", name, self._layout.lanes, self._layout.lane, self._status, *held)

    def all_live(self, workers: int) -> None:
        for number in range(workers):
            self.worker_lives(f"worker-{number}")

    def front_lives(self, name: str, asks: int = 0) -> None:
        places = [part for number in range(asks) for part in ("live", number)]
        self._run("front_beat", name, self._layout.lanes, asks, asks, *places)


@dataclass(frozen=True)
class Life:
    """Milliseconds of a sign of life of a front end and of a worker, among so many workers."""

    workers: int
    front_ms: float
    worker_ms: float

    def share(self, fronts: int) -> float:
        """Of a second, what all signs of life take."""
        return (fronts * self.front_ms + self.workers * self.worker_ms) / 1000 / BEAT


def cost(client: "redis.Redis", work: Callable[[], object], times: int) -> float:
    """Milliseconds of the server's processor, each time."""
    before = _processor(client)
    for _ in range(times):
        work()
    return 1000 * (_processor(client) - before) / times


def _processor(client: "redis.Redis") -> float:
    said = client.info("cpu")
    return float(said["used_cpu_user"] + said["used_cpu_sys"])


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="benchmarks.queue_costs", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--frames", type=int, default=2000)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 10, 100, 1000], help="sizes of fleets")
    parser.add_argument("--beats", type=int, default=100)
    options = parser.parse_args(arguments)
    began = time.perf_counter()
    with RedisServer() as server, redis.Redis.from_url(server.url) as client:
        scripts = Scripts(client)
        scripts.frames(80, 8, bytes(1000))
        print("| a frame's bytes, each way | taken by | ms of Redis | frames/s at most |\n| ---: | ---: | ---: | ---: |")
        for size, taken in ((13_000, 1), (13_000, 8), (55_000, 1), (55_000, 8)):
            work = partial(scripts.frames, taken, taken, bytes(size))
            each = cost(client, work, options.frames // taken) / taken
            print(f"| {size:,} | {taken} | {each:.3f} | {1000 / each:,.0f} |")
        print("\n| workers | a front end's sign of life, ms | a worker's, ms | of Redis, with a front end for ten workers |")
        print("| ---: | ---: | ---: | ---: |")
        for workers in options.workers:
            refresh = partial(scripts.all_live, workers)  # who is silent for long is forgotten
            refresh()
            of_worker = cost(client, partial(scripts.worker_lives, _WORKER, 16), options.beats)
            refresh()
            of_front = cost(client, partial(scripts.front_lives, _FRONT, 100), options.beats)
            life = Life(workers, of_front, of_worker)
            print(f"| {workers:,} | {life.front_ms:.3f} | {life.worker_ms:.3f} | {life.share(max(1, workers // 10)):.1%} |")
    print(f"took {time.perf_counter() - began:.0f} s", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
