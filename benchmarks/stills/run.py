"""Stills over REST: python -m benchmarks.stills

One caller: how much longer a call takes than its tick, by format, and what of a processor's time the server spends on it. Many
callers: their images a second over those of the engine alone at its best batch, without live streams and beside some, and in
which share of the ticks each of those has a row. The engine alone is measured before, between and after, in the same run, for a
shared machine is not equally fast for long.
"""

import argparse
import asyncio
import sys
from typing import Any

from server.settings import Settings

from ..measure import percentiles
from ..server.report import best_batch
from ..server.run import BenchError, add_engine_options, engine_alone, loaded, server_arguments
from ..serving import Serving, ServingError, serving
from .callers import CallFailed, Calls, call

MOST_COST = 0.003
"""Seconds that a call of one caller may take beside its tick, at the median."""
LEAST_RATE = 0.9
"""Of the engine's best rate, what many callers get at least."""
LEAST_SHARE = 0.75
"""Of the ticks in which a live stream beside many callers could have a row: how many it has one in."""
_LIVE_ROWS = 1 - Settings.model_fields["stills_share"].default
"""Of a tick's rows, those that are for live streams while stills wait, too."""
_WARMUP = 1.0
_TICKS = "allaprima_tick_seconds_count"
_ASKED = {"prompt": "a red heart, neon", "response_format": "b64_json"}


def main(arguments: list[str] | None = None) -> int:
    """Measure and print. 1, with the reason on stderr, if a part cannot run or something was not held."""
    options = _parse(arguments)
    try:
        result = measure(options)
    except (BenchError, ServingError, CallFailed) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    lines, missed = report(result)
    print("\n".join(lines))
    for line in missed:
        print(f"not held: {line}", file=sys.stderr)
    return 1 if missed else 0


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """All measurements as plain values: seconds, and images a second. Raises BenchError, ServingError and CallFailed."""
    room = str(2 * options.callers)
    flags = [*server_arguments(options), "--max-waiting", room, "--max-waiting-per-owner", room]
    engine = [engine_alone(options)]
    with serving(flags) as server:
        one = {kind: _one(server, options, kind) for kind in ("jpeg", "png")}
        many = _called(server, options, options.callers, output_format="jpeg")
        engine.append(engine_alone(options))
        beside, live = asyncio.run(_beside(server, options))
    engine.append(engine_alone(options))
    return {
        "best": best_batch(engine),
        "one": one,
        "many": len(many.total) / options.seconds,
        "beside": {
            "stills": len(beside.total) / options.seconds,
            "live": live["images_per_s"],
            "fairness": live["fairness"],
            "ticks": live["ticks_per_s"],
        },
        "callers": options.callers,
        "streams": options.streams,
    }


def _one(server: Serving, options: argparse.Namespace, kind: str) -> dict[str, Any]:
    before = server.processor_seconds()
    calls = _called(server, options, 1, output_format=kind)
    after = server.processor_seconds()
    # the warm-up is in it, whose calls are not counted
    share = options.seconds / (options.seconds + _WARMUP)
    spent = None if before is None or after is None or not calls.total else (after - before) * share / len(calls.total)
    return {**_of_one(calls), "processor": spent}


def _called(server: Serving, options: argparse.Namespace, callers: int, **more: Any) -> Calls:
    return asyncio.run(_calls(server, options, callers, **more))


async def _calls(server: Serving, options: argparse.Namespace, callers: int, **more: Any) -> Calls:
    try:
        return await call(server.port, callers, options.seconds, _WARMUP, **_ASKED, **more)
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None


async def _beside(server: Serving, options: argparse.Namespace) -> tuple[Calls, dict[str, Any]]:
    """Callers and live streams at once."""

    def streams() -> dict[str, Any]:
        before = server.metric(_TICKS) or 0.0
        live = loaded(server, options, options.streams, options.seconds)
        return {**live, "ticks_per_s": ((server.metric(_TICKS) or 0.0) - before) / live["active_s"]}

    calls, live = await asyncio.gather(
        _calls(server, options, options.callers, output_format="jpeg"), asyncio.to_thread(streams)
    )
    return calls, live


def _of_one(calls: Calls) -> dict[str, Any]:
    stages = {name: percentiles(values)["p50"] for name, values in calls.stages.items()}
    return {"total": percentiles(calls.total), "beside": percentiles(calls.beside_the_tick()), "stages": stages}


def report(result: dict[str, Any]) -> tuple[list[str], list[str]]:
    """Lines for a person, and those of them that say what was not held."""
    lines, missed = [], []
    for kind, one in result["one"].items():
        total, beside = one["total"], one["beside"]
        stages = ", ".join(f"{name} {seconds * 1e3:.2f}" for name, seconds in one["stages"].items())
        spent = "-" if one["processor"] is None else f"{one['processor'] * 1e3:.2f}"
        line = (
            f"one caller, {kind}: {total['p50'] * 1e3:.2f} ms at p50, of which beside the tick {beside['p50'] * 1e3:.2f} "
            f"(p99 {beside['p99'] * 1e3:.2f}); in the server {stages}; {spent} ms of a processor"
        )
        lines.append(line)
        if beside["p50"] > MOST_COST:
            missed.append(f"{line}; at most {MOST_COST * 1e3:g} beside the tick")
    size, best = result["best"]
    lines.append(f"the engine alone: {best:.1f} images/s at batch {size}")
    beside = result["beside"]
    both = beside["stills"] + beside["live"]
    share = beside["live"] / result["streams"] / beside["ticks"] if beside["ticks"] else 0.0
    room = min(1.0, _LIVE_ROWS * both / beside["ticks"] / result["streams"]) if beside["ticks"] else 1.0
    for who, rate in (
        (f"{result['callers']} callers", result["many"]),
        (f"{result['callers']} callers beside {result['streams']} live streams, both", both),
    ):
        line = f"{who}: {rate:.1f} images/s, {rate / best:.2f} of the engine's"
        lines.append(line)
        if rate < LEAST_RATE * best:
            missed.append(f"{line}; at least {LEAST_RATE:g}")
    line = (
        f"live streams: {beside['live']:.1f} images/s, each in {share:.2f} of the ticks, with room in {room:.2f}, "
        f"fairness {beside['fairness']:.3f}"
    )
    lines.append(line)
    if share < LEAST_SHARE * room:
        missed.append(f"{line}; at least in {LEAST_SHARE * room:.2f}")
    return lines, missed


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks.stills", description=(__doc__ or "").splitlines()[0])
    add_engine_options(parser)
    parser.add_argument("--callers", type=int, default=64, help="of the measurement with many")
    parser.add_argument("--streams", type=int, default=4, help="live streams beside them")
    parser.add_argument("--seconds", type=float, default=10.0, help="measured time of each part")
    return parser.parse_args(arguments)
