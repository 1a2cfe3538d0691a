"""What a live frame costs each part of a fleet: python -m benchmarks.parts

A front end, workers and a Redis server of their own, each a process, and cameras that send JPEG at a pace. The engine only
copies pictures, so that what is spent is the server's own. Per painted frame are counted: processor time of front end, of its
event loop, of workers and of Redis, and the bytes and commands that cross Redis, those of its scripts too. A core of each then
carries so many frames at most.
"""

import argparse
import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import redis

from .budget import spent
from .redis_server import RedisServer
from .serving import free_port, running, serving

STUDENTS = {"embedded": "256x256", "sd-turbo": "512x512"}
"""Students whose sizes pictures have, the size of each."""
_READY_WITHIN = 120.0


@dataclass(frozen=True)
class Cost:
    """Of one size of pictures, for each painted frame: milliseconds of processor, and what crossed Redis.

    Where frames are filtered the front end decodes them too, to look at them.
    """

    size: str
    frames_per_s: float
    front_ms: float
    loop_ms: float
    worker_ms: float
    redis_ms: float
    bytes_in: float
    bytes_out: float
    commands: float
    p50_ms: float | None
    front_mib: float
    worker_mib: float

    @property
    def front_frames(self) -> float:
        """Frames a second that a core carries as a front end, at most."""
        return 1000 / self.front_ms

    @property
    def worker_frames(self) -> float:
        """Frames a second that a core decodes and encodes beside an engine, at most."""
        return 1000 / self.worker_ms

    @property
    def redis_frames(self) -> float:
        """Frames a second that one Redis carries, at most: it has one thread."""
        return 1000 / self.redis_ms


@dataclass(frozen=True)
class _Redis:
    """What a server had done at a moment."""

    processor: float
    bytes_in: int
    bytes_out: int
    commands: int


def _done(client: "redis.Redis") -> _Redis:
    said: dict[str, Any] = client.info("all")
    processor = said["used_cpu_user"] + said["used_cpu_sys"]
    return _Redis(processor, said["total_net_input_bytes"], said["total_net_output_bytes"], said["total_commands_processed"])


@contextlib.contextmanager
def _worker(url: str, flags: Sequence[str]) -> Iterator[int]:
    """A worker that is ready: its process."""
    port = free_port()
    command = [sys.executable, "-m", "server", "worker", "--queue", url, "--worker-port", str(port), *flags]
    with running(command, port, _READY_WITHIN) as worker:
        yield worker.process.pid


def measure(student: str, similarity: str, workers: int, cameras: int, fps: float, seconds: float) -> Cost:
    """The cost of a frame of this student's size. Raises NoServer, ServingError."""
    painting = ["--engine", "fake", "--fake-copies", "true", "--batch-sizes", "1,2,4,8", "--energy", "off"]
    both = ["--student", student, "--log-level", "warning"]
    with contextlib.ExitStack() as stack:
        queue = stack.enter_context(RedisServer())
        client = stack.enter_context(redis.Redis.from_url(queue.url, decode_responses=True))
        painters = [stack.enter_context(_worker(queue.url, [*both, *painting])) for _ in range(workers)]
        front = stack.enter_context(serving([*both, "--queue", queue.url]))
        processes = [front.process.pid, *painters]
        before, redis_before = [spent(pid) for pid in processes], _done(client)
        command = [sys.executable, "-m", "benchmarks.load", "--url", front.url, "--clients", str(cameras), "--fps", str(fps)]
        command += ["--seconds", f"{seconds:g}", "--warmup", "1", "--similarity", similarity, "--source", "pattern", "--json"]
        told = json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False).stdout)
        after, redis_after = [spent(pid) for pid in processes], _done(client)
        memory = [_resident(pid) for pid in processes]
    frames = max(1, told["painted"])
    used = [(late.processor - early.processor) for early, late in zip(before, after, strict=True)]
    return Cost(
        STUDENTS[student] + (", filtered" if similarity == "on" else ""),
        told["images"] / told["seconds"],
        front_ms=1000 * used[0] / frames,
        loop_ms=1000 * (after[0].loop - before[0].loop) / frames,
        worker_ms=1000 * sum(used[1:]) / frames,
        redis_ms=1000 * (redis_after.processor - redis_before.processor) / frames,
        bytes_in=(redis_after.bytes_in - redis_before.bytes_in) / frames,
        bytes_out=(redis_after.bytes_out - redis_before.bytes_out) / frames,
        commands=(redis_after.commands - redis_before.commands) / frames,
        p50_ms=told["stages_ms"]["total"]["p50"],
        front_mib=memory[0],
        worker_mib=max(memory[1:]),
    )


def _resident(pid: int) -> float:
    """MiB that a process holds."""
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmRSS:"))


def table(costs: Sequence[Cost]) -> str:
    lines = [
        "| a frame of | at frames/s | front end, ms | of that, event loop | worker, ms | Redis, ms "
        "| into Redis, KB | out of it, KB | commands |",
        "| --- |" + " ---: |" * 8,
    ]
    for one in costs:
        lines.append(
            f"| {one.size} | {one.frames_per_s:.0f} | {one.front_ms:.2f} | {one.loop_ms:.2f} | {one.worker_ms:.2f} "
            f"| {one.redis_ms:.3f} | {one.bytes_in / 1000:.1f} | {one.bytes_out / 1000:.1f} | {one.commands:.1f} |"
        )
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """0 if frames were painted."""
    parser = argparse.ArgumentParser(
        prog="benchmarks.parts", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--students", default=",".join(STUDENTS), help="whose sizes the pictures have")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--cameras", type=int, default=6)
    parser.add_argument("--fps", type=float, default=10.0, help="frames a second of each camera")
    parser.add_argument("--seconds", type=float, default=8.0, help="of each size")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    students = options.students.split(",")
    costs = [
        measure(one, similarity, options.workers, options.cameras, options.fps, options.seconds)
        for one in students
        for similarity in ("off", "on")
    ]
    print(json.dumps([asdict(cost) for cost in costs]) if options.json else table(costs))
    return 0 if all(cost.frames_per_s > 0 for cost in costs) else 1


if __name__ == "__main__":
    sys.exit(main())
