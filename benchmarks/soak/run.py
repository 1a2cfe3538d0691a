"""People come and go for half an hour, and the server is as it was: python -m benchmarks.soak --clients 16 --minutes 30

It starts a server of its own unless it is given the address of one. The exit status is 1 if anything was not held: memory,
descriptors, threads, tasks, latency, the number of series, or an answer to every frame.
"""

import argparse
import asyncio
import contextlib
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvloop
from allaprima import sources
from allaprima.address import stream_url
from allaprima.errors import StreamError

from ..serving import Serving, ServingError, serving
from .people import Person, Place, order_stills
from .probe import Look, Probe
from .report import report, table
from .visit import SoakCounts, Visit

_QUIET = 30.0
"""Seconds for a server that everybody has left to be as it was: idle threads, for one, are kept for ten."""
_PAUSE = 0.5


@dataclass(frozen=True)
class Target:
    """The server under test, and its process if that is known."""

    url: str
    pid: int | None
    server: Serving | None

    def tracebacks(self) -> int | None:
        """Tracebacks in its log; None if that cannot be seen."""
        return None if self.server is None else self.server.log.read_text(errors="replace").count("Traceback")


def main(arguments: list[str] | None = None) -> int:
    """Soak a server, print a table and a line of JSON. 1 if something was not held, or could not be tried."""
    options = _parse(arguments)
    try:
        with _target(options) as target, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            result = runner.run(soak(options, target))
    except (ServingError, StreamError, OSError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    print(table(result))
    print()
    print(json.dumps(result))
    return 1 if result["misses"] else 0


async def soak(options: argparse.Namespace, target: Target) -> dict[str, Any]:
    """The whole soak; the report as plain values. Raises StreamError and OSError if the server cannot be reached."""
    probe, tally, over = Probe(target.url, target.pid, options.key), SoakCounts(), asyncio.Event()
    frames = await _first_visit(options, target)
    before = await _quiet(probe, None)
    place = Place(target.url, options.key, options.student, frames, options.visit_seconds, options.fps)
    # one of them reads slowly
    people = [Person(place, tally, over, seed, slow=seed == 1) for seed in range(1, options.clients + 1)]
    everybody = asyncio.gather(*(person.live() for person in people), order_stills(place, tally, over, options.still_every, 0))
    begun = time.perf_counter()
    warm, end = begun + options.warmup, begun + 60 * options.minutes
    looks = await _watch(probe, end)
    over.set()
    await everybody
    after = await _quiet(probe, before)
    return report(before, looks, after, tally, warm, end, target.tracebacks())


async def _first_visit(options: argparse.Namespace, target: Target) -> list[bytes]:
    """Have everything done once that a server does only once, as starting threads. What clients are to send."""
    place = Place(target.url, options.key, options.student, [b""], 0.0, 0.0)
    visits = [await Visit.begin(stream_url(target.url, options.student), options.key, SoakCounts()) for _ in range(2)]
    frames = sources.moving(256, 256)
    for visit in visits:
        await visit.params(similarity={"threshold": 0.9, "max_skips": 1})
        for frame in frames[:4]:
            await visit.frame(frame)
    over = asyncio.Event()
    posting = asyncio.ensure_future(order_stills(place, SoakCounts(), over, 0.0, 0))
    for visit in visits:
        await visit.leave()
    over.set()
    await posting
    return frames


async def _watch(probe: Probe, end: float) -> list[Look]:
    """A look a second."""
    looks = []
    while (left := end - time.perf_counter()) > 0:
        looks.append(await asyncio.to_thread(probe.look))
        await asyncio.sleep(min(1.0, left))
    return looks


async def _quiet(probe: Probe, before: Look | None) -> Look:
    """A look at a server that everybody has left; where it is known how it was before, as soon as it is so again."""
    until = time.perf_counter() + _QUIET
    while True:
        look = await asyncio.to_thread(probe.look)
        if time.perf_counter() > until or (before is not None and _as_before(look, before)):
            return look
        if before is None and not look.sessions:
            before = look  # what was under way at that moment may still end
        await asyncio.sleep(_PAUSE)


def _as_before(look: Look, before: Look) -> bool:
    if look.sessions:
        return False
    pairs = ((getattr(look, name), getattr(before, name)) for name in ("descriptors", "threads", "tasks"))
    return all(now is None or then is None or now <= then for now, then in pairs)


@contextlib.contextmanager
def _target(options: argparse.Namespace) -> Iterator[Target]:
    """The server to test: the one whose address is given, or one of our own. Raises ServingError."""
    if options.url:
        yield Target(options.url, options.pid, None)
        return
    arguments = ["--engine", options.engine, "--student", options.student or "embedded"]
    arguments += ["--max-sessions", str(2 * options.clients + 2)]
    for flag in ("batch_sizes", "threads", "cache", "fake_tick", "fake_row"):
        if (value := getattr(options, flag)) is not None:
            arguments += ["--" + flag.replace("_", "-"), str(value)]
    with serving(arguments) as server:
        yield Target(server.url, server.process.pid, server)


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks.soak", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--url", default=None, help="a server that runs; without it one is started")
    parser.add_argument("--pid", type=int, default=None, help="that server's process, if it is on this machine: to see threads")
    parser.add_argument("--key", default=None, help="bearer token")
    parser.add_argument("--student", default=None)
    parser.add_argument("--clients", type=int, default=16, help="people at once; one of them reads slowly")
    parser.add_argument("--minutes", type=float, default=30.0, help="minutes in all")
    parser.add_argument("--warmup", type=float, default=60.0, help="seconds of these that are not measured")
    parser.add_argument("--visit-seconds", type=float, default=15.0, help="how long a visit is on average")
    parser.add_argument("--still-every", type=float, default=2.0, help="seconds between two stills by REST")
    parser.add_argument("--fps", type=float, default=0.0, help="frames per second and client; 0 keeps every window full")
    own = parser.add_argument_group("of a server of its own")
    own.add_argument("--engine", default="openvino")
    own.add_argument("--batch-sizes", default=None)
    own.add_argument("--threads", type=int, default=None)
    own.add_argument("--cache", type=Path, default=None)
    own.add_argument("--fake-tick", type=float, default=None)
    own.add_argument("--fake-row", type=float, default=None)
    options = parser.parse_args(arguments)
    if options.clients < 1 or not 0 <= options.warmup < 60 * options.minutes:
        parser.error("at least one client, and a warm-up shorter than the whole")
    return options
