"""What an image costs the server itself, without a device: python -m benchmarks.budget

The real server in a process of its own, JPEG both ways, with an engine that only copies pictures. All that it spends is its
own: sockets, sessions, the filter, decoding, the queue, the tick's copy, encoding. Per answered frame are counted: processor
time of the whole process and of its event loop's thread; how often its threads were woken; and, where py-spy is installed
and may look, how long Python's lock was held, which bounds what one process can do.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .serving import Serving, serving

_SPY_RATE = 200
"""Looks per second."""
_LOADS = {
    "moving, no filter": ["--source", "pattern", "--similarity", "off"],
    "moving, filter": ["--source", "pattern", "--similarity", "on"],
    "still, filter": ["--source", "still", "--similarity", "on"],
}


@dataclass(frozen=True)
class Spent:
    """What a process had spent at a moment: seconds of processor of all its threads and of the first, and wake-ups."""

    processor: float
    loop: float
    woken: int


@dataclass(frozen=True)
class Cost:
    """Of one load. Milliseconds and wake-ups are for each answered frame; `lock_ms` is None where nobody could look."""

    load: str
    answers_per_s: float
    images: int
    repeats: int
    processor_ms: float
    loop_ms: float
    woken: float
    lock_ms: float | None
    latency_p50_ms: float | None


def spent(pid: int, proc: Path = Path("/proc")) -> Spent:
    """Raises OSError where there is no /proc. Threads that have ended count in the processor's time only."""
    ticks = os.sysconf("SC_CLK_TCK")
    folder = proc / str(pid)
    loop = (folder / "task" / str(pid) / "stat").read_text()
    woken = 0
    for thread in (folder / "task").iterdir():
        found = re.search(r"^voluntary_ctxt_switches:\s*(\d+)", (thread / "status").read_text(), re.MULTILINE)
        woken += int(found[1]) if found else 0
    return Spent(_seconds((folder / "stat").read_text(), ticks), _seconds(loop, ticks), woken)


def _seconds(stat: str, ticks: int) -> float:
    """User and system time, the fields after the name, which may have anything in it."""
    fields = stat.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / ticks


def lock_share(raw: str, looks: int) -> float:
    """Of so many looks of py-spy how many saw Python's lock held, by its lines of "frame;frame count"."""
    held = sum(int(line.rpartition(" ")[2]) for line in raw.splitlines() if line.strip())
    return min(1.0, held / looks)


class Spy:
    """py-spy at a process for so many seconds; `share` afterwards, None where there is none or it may not look."""

    def __init__(self, pid: int, seconds: float) -> None:
        self._looks = int(seconds * _SPY_RATE)
        program = shutil.which("py-spy", path=Path(sys.executable).parent) or shutil.which("py-spy")
        self._process = None
        if program is not None:
            command = [program, "record", "--gil", "--nonblocking", "--format", "raw", "--rate", str(_SPY_RATE)]
            command += ["--duration", str(max(1, round(seconds))), "--pid", str(pid), "--output", "/dev/stdout"]
            self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    def share(self) -> float | None:
        if self._process is None:
            return None
        said, _ = self._process.communicate()
        frames = [line for line in said.splitlines() if re.search(r" \d+$", line)]
        return lock_share("\n".join(frames), self._looks) if self._process.returncode == 0 else None


def measure(server: Serving, name: str, load: Sequence[str], clients: int, seconds: float) -> Cost:
    """One load on a server that is ready."""
    command = [sys.executable, "-m", "benchmarks.load", "--url", server.url, "--clients", str(clients)]
    command += ["--seconds", f"{seconds:g}", "--warmup", "1", "--json", *load]
    before = spent(server.process.pid)
    spy = Spy(server.process.pid, max(1.0, seconds - 1))
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    after = spent(server.process.pid)
    told: dict[str, Any] = json.loads(done.stdout)
    # of the whole run, warm-up and end included, as what was spent is: repeats are told of the measured time only
    answered = told["painted"] * (told["images"] + told["repeats"]) / max(1, told["images"])
    share = spy.share()
    rate = (told["images"] + told["repeats"]) / told["seconds"]
    return Cost(
        name,
        rate,
        told["images"],
        told["repeats"],
        1000 * (after.processor - before.processor) / max(1.0, answered),
        1000 * (after.loop - before.loop) / max(1.0, answered),
        (after.woken - before.woken) / max(1.0, answered),
        None if share is None or not rate else 1000 * share / rate,
        told["stages_ms"]["total"]["p50"],
    )


def table(costs: Sequence[Cost]) -> str:
    heading = f"{'load':<20}{'answers/s':>10}{'repeats':>9}{'CPU ms':>8}{'loop ms':>9}{'woken':>7}{'lock ms':>9}{'p50 ms':>8}"
    lines = [
        f"{cost.load:<20}{cost.answers_per_s:>10.1f}{cost.repeats:>9}{cost.processor_ms:>8.2f}{cost.loop_ms:>9.2f}"
        f"{cost.woken:>7.1f}{_number(cost.lock_ms):>9}{_number(cost.latency_p50_ms):>8}"
        for cost in costs
    ]
    return "\n".join([heading, *lines])


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def main(arguments: list[str] | None = None) -> int:
    """0 if every load was answered."""
    parser = argparse.ArgumentParser(
        prog="benchmarks.budget", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--student", default="sd-turbo", help="whose size the pictures have: sd-turbo's is 512x512")
    parser.add_argument("--clients", type=int, default=8, help="streams at once, each with its window full")
    parser.add_argument("--seconds", type=float, default=8.0, help="of each load")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    flags = ["--engine", "fake", "--fake-copies", "true", "--fake-overlap", "true", "--student", options.student]
    flags += ["--batch-sizes", "1,2,4,8", "--energy", "off", "--log-level", "warning"]
    with serving(flags) as server:
        costs = [measure(server, name, load, options.clients, options.seconds) for name, load in _LOADS.items()]
    print(json.dumps([asdict(cost) for cost in costs]) if options.json else table(costs))
    return 0 if all(cost.answers_per_s > 0 for cost in costs) else 1


if __name__ == "__main__":
    sys.exit(main())
