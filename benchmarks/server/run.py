"""The benchmark: an engine alone and the same engine behind the server, in one run: python -m benchmarks.server

A shared machine is not equally fast for long, so the engine alone is measured before and after every load, and each load is
compared with the mean of its two neighbours.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from ..serving import Serving, ServingError, serving
from .report import best_batch, markdown

STILL_CLIENTS = 4
STILL_FPS = 30.0
_BUSY = "allaprima_tick_seconds_sum"


class BenchError(Exception):
    """A part of the benchmark failed; the text says which, and what it printed."""


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark and print it as markdown. 1, with the reason on stderr, if any part of it cannot run."""
    options = _parse(arguments)
    try:
        text = markdown(measure(options))
    except (BenchError, ServingError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    print(text)
    if options.out:
        options.out.write_text(text + "\n")
    return 0


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """All measurements as plain values. Raises ServingError and BenchError."""
    engine = [engine_alone(options)]
    loads, flat = [], None
    with serving(server_arguments(options)) as server:
        idle = server.memory()
        for clients in options.clients * options.rounds:
            loads.append(loaded(server, options, clients, options.seconds))
            engine.append(engine_alone(options))
        still = loaded(
            server, options, STILL_CLIENTS, options.seconds, "--source", "still", "--fps", str(STILL_FPS), "--similarity", "on"
        )
        if options.minutes_flat:
            flat = loaded(server, options, max(options.clients), options.minutes_flat * 60)
        busy = server.memory()
    return {
        "engine": engine, "loads": loads, "still": still, "flat": flat, "ready_after": server.ready_after,
        "memory": {"idle": idle, "after": busy}, "seconds": options.seconds, "overhead": overhead(engine),
    }  # fmt: skip


def engine_alone(options: argparse.Namespace) -> dict[str, Any]:
    """The engine without a server, in a process of its own. Raises BenchError."""
    command = ["benchmarks.engine", "--engine", options.engine, "--student", options.student, "--json"]
    command += ["--seconds", str(options.engine_seconds), "--batch-sizes", options.batch_sizes]
    command += _given(options, {"threads": "--threads", "precision": "--precision", "cache": "--cache"})
    if options.engine == "fake":
        command += ["--tick-seconds", str(options.fake_tick), "--row-seconds", str(options.fake_row)]
    limit = 300 + 3 * options.engine_seconds * len(options.batch_sizes.split(","))
    return _json_of(command, limit, may_complain=False)


def overhead(engine: list[dict[str, Any]]) -> dict[str, Any]:
    """What watching costs, and its share of an image's time at the engine's best. Raises BenchError."""
    size, rate = best_batch(engine)
    return _json_of(
        ["benchmarks.overhead", "--json", "--image-ms", str(1e3 / rate), "--rows", str(size)], 300, may_complain=False
    )


def loaded(server: Serving, options: argparse.Namespace, clients: int, seconds: float, *more: str) -> dict[str, Any]:
    """A load on the server, with the share of time that its engine was busy and its processor seconds (None if unknown).

    Raises BenchError.
    """
    command = ["benchmarks.load", "--url", server.url, "--clients", str(clients), "--seconds", str(seconds), "--json", *more]
    # a counter with labels is not there before its first count
    before, processor_before = server.metric(_BUSY) or 0.0, server.processor_seconds()
    result = _json_of(command, seconds + 120, may_complain=True)
    after, processor_after = server.metric(_BUSY), server.processor_seconds()
    result["engine_busy"] = None if after is None else (after - before) / result["active_s"]
    result["server_cpu_s"] = None if processor_before is None or processor_after is None else processor_after - processor_before
    return result


def server_arguments(options: argparse.Namespace) -> list[str]:
    """Flags of a server whose engine is that of the options."""
    arguments = ["--engine", options.engine, "--student", options.student, "--batch-sizes", options.batch_sizes]
    arguments += _given(options, {"threads": "--threads", "precision": "--precision", "cache": "--cache"})
    if options.engine == "fake":
        arguments += ["--fake-tick", str(options.fake_tick), "--fake-row", str(options.fake_row)]
    return arguments


def _given(options: argparse.Namespace, flags: dict[str, str]) -> list[str]:
    pairs = ((flag, getattr(options, name)) for name, flag in flags.items())
    return [word for flag, value in pairs if value is not None for word in (flag, str(value))]


def _json_of(command: list[str], limit: float, may_complain: bool) -> dict[str, Any]:
    """What a module of ours prints as JSON. One that `may_complain` may end with code 1 and still have printed it."""
    try:
        done = subprocess.run([sys.executable, "-m", *command], capture_output=True, text=True, timeout=limit)
    except subprocess.TimeoutExpired:
        raise BenchError(f"{command[0]} took longer than {limit:.0f} s") from None
    if done.returncode and not (may_complain and done.returncode == 1 and done.stdout.startswith("{")):
        raise BenchError(f"{command[0]} ended with code {done.returncode}: {done.stderr.strip()[-2000:]}")
    result = json.loads(done.stdout.strip().splitlines()[-1])
    assert isinstance(result, dict)
    return result


def add_engine_options(parser: argparse.ArgumentParser) -> None:
    """What `server_arguments` and `engine_alone` read: which engine, and how long it is measured alone."""
    parser.add_argument("--engine", default="openvino")
    parser.add_argument("--student", default="embedded")
    parser.add_argument("--engine-seconds", type=float, default=3.0, help="measured time of each batch size, each time")
    parser.add_argument("--batch-sizes", default="1,2,4,8", help="tick sizes, of the server and of the engine alone")
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--precision", default=None)
    parser.add_argument("--cache", type=Path, default=None, help="folder of compiled engines")
    parser.add_argument("--fake-tick", type=float, default=0.01, help="seconds of a tick of the fake engine")
    parser.add_argument("--fake-row", type=float, default=0.01, help="seconds of a row of the fake engine")


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks.server", description=(__doc__ or "").splitlines()[0])
    add_engine_options(parser)
    parser.add_argument("--seconds", type=float, default=10.0, help="measured time of each load")
    parser.add_argument("--clients", type=_counts, default=(1, 4, 16), help="loads to try, comma-separated")
    parser.add_argument("--rounds", type=int, default=2, help="times that each load is tried")
    parser.add_argument("--minutes-flat", type=float, default=0.0, help="minutes of a long load, to see if latency grows")
    parser.add_argument("--out", type=Path, default=None, help="write the markdown to this file too")
    return parser.parse_args(arguments)


def _counts(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))
