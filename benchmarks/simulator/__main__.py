"""Fleets on a simulated clock: python -m benchmarks.simulator --workers 1,10,100 --loads 0.5,0.8,0.95,1.3

The queue, the sessions and the batcher are the server's own, and decide as they do there; a tick takes the seconds that are
given here, and nobody waits for them. --plots draws what comes of it (matplotlib). With --rush users come and go for half an
hour instead, and workers with them, by the lag of the queue alone, and by what is asked for and the lag.
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from . import scaling
from .report import draw, table
from .sweep import sweep

T = TypeVar("T", int, float)


def several(kind: Callable[[str], T]) -> Callable[[str], list[T]]:
    """Reads numbers, comma-separated."""

    def read(text: str) -> list[T]:
        return [kind(part) for part in text.split(",")]

    return read


def ticks(text: str) -> dict[int, float]:
    """Reads 1:20,8:90: milliseconds of a tick by its rows. Raises ValueError."""
    costs = {int(size): float(ms) / 1000 for size, ms in (part.split(":") for part in text.split(","))}
    if min(costs) < 1 or min(costs.values()) <= 0:
        raise ValueError("rows and milliseconds are positive")
    return costs


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="benchmarks.simulator", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--workers", type=several(int), default=[1, 10, 100], help="sizes of fleets")
    parser.add_argument(
        "--loads", type=several(float), default=[0.5, 0.8, 0.95, 1.3], help="what is asked for over what can be painted"
    )
    parser.add_argument("--ticks", type=ticks, default={1: 0.02}, help="milliseconds of a tick by its rows, as 1:20,4:50,8:90")
    parser.add_argument("--fps", type=float, default=10.0, help="images a second of each camera")
    parser.add_argument("--stills", type=float, default=0.0, help="part of the load that is stills of programs, 0 to 1")
    parser.add_argument("--rush", action="store_true", help="a rush of users, and autoscalers that see it")
    parser.add_argument("--plots", type=Path, help="file (.png) for pictures of it")
    options = parser.parse_args(arguments)
    began = time.perf_counter()
    if options.rush:
        _rush(options.plots)
    else:
        _fleets(options)
    print(f"took {time.perf_counter() - began:.0f} s", file=sys.stderr)
    return 0


def _fleets(options: argparse.Namespace) -> None:
    outcomes = []
    for outcome in sweep(options.workers, options.loads, options.ticks, options.fps, options.stills):
        outcomes.append(outcome)
        scenario = outcome.scenario
        print(f"{scenario.workers} workers, load {scenario.load:.2f}: done", file=sys.stderr, flush=True)
    print(table(outcomes))
    if options.plots:
        draw(outcomes, options.plots)


def _rush(plots: Path | None) -> None:
    each = scaling.SHARE * scaling.rush().scenario.row_rate
    days = [
        (name, scaling.live(scaling.rush(), rules))
        for name, rules in (
            ("by lag alone", [scaling.by_lag(scaling.LAG)]),
            ("by demand and lag", [scaling.by_demand(each), scaling.by_lag(scaling.LAG)]),
        )
    ]
    print(scaling.table(days))
    if plots:
        scaling.draw(days, plots)


if __name__ == "__main__":
    sys.exit(main())
