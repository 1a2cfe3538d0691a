"""What came of scenarios, for a person: a table in Markdown, and pictures."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .scenario import Outcome

_HEADING = (
    "workers", "load", "viewers", "images/s", "live p50, ms", "p99, ms", "stills p50, ms", "p99, ms", "capacity used",
    "ticking", "rows in a tick", "frames not painted", "fairness", "queue's lag, ms",
)  # fmt: skip


def table(outcomes: Sequence[Outcome]) -> str:
    """A line for each scenario."""
    lines = [_HEADING, ("---:",) * len(_HEADING), *map(_line, outcomes)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _line(outcome: Outcome) -> tuple[str, ...]:
    scenario = outcome.scenario
    return (
        f"{scenario.workers:,}", f"{scenario.load:.2f}", f"{scenario.viewers:,}", f"{outcome.images + outcome.stills:,.0f}",
        _ms(outcome.live.p50), _ms(outcome.live.p99), _ms(outcome.still.p50), _ms(outcome.still.p99), f"{outcome.used:.0%}",
        f"{outcome.busy:.0%}", f"{outcome.rows:.1f}", f"{outcome.dropped:.1%}", f"{outcome.fairness:.3f}", _ms(outcome.lag),
    )  # fmt: skip


def _ms(seconds: float) -> str:
    return "-" if seconds != seconds else f"{1000 * seconds:.0f}"


def draw(outcomes: Sequence[Outcome], path: Path) -> None:
    """Latency, use, ticks and dropped frames against load, a line for each size of fleet.

    Raises ImportError without matplotlib.
    """
    from matplotlib.figure import Figure

    first = outcomes[0].scenario
    ticks = ", ".join(f"{1000 * seconds:g} ms for {size}" for size, seconds in sorted(first.costs.items()))
    figure = Figure(figsize=(10, 7.5), layout="constrained")
    figure.suptitle(f"Ticks of {ticks}; cameras of {first.fps:g} images/s")
    latency, used, ticking, dropped = figure.subplots(2, 2).flat
    fleets = sorted({outcome.scenario.workers for outcome in outcomes})
    for number, workers in enumerate(fleets):
        of_it = sorted((one for one in outcomes if one.scenario.workers == workers), key=lambda one: one.scenario.load)
        loads, colour, label = [one.scenario.load for one in of_it], f"C{number}", _workers(workers)
        latency.plot(loads, [1000 * one.live.p50 for one in of_it], color=colour, marker="o", label=f"{label}, p50")
        latency.plot(loads, [1000 * one.live.p99 for one in of_it], color=colour, marker="o", linestyle="--", label="p99")
        used.plot(loads, [one.used for one in of_it], color=colour, marker="o", label=label)
        ticking.plot(loads, [one.rows for one in of_it], color=colour, marker="o", label=label)
        dropped.plot(loads, [one.dropped for one in of_it], color=colour, marker="o", label=label)
    _finish(latency, "latency of a live frame, ms", legend=True)
    _finish(used, "images painted, of those that could be", legend=True)
    _finish(ticking, "rows in a tick")
    _finish(dropped, "frames not painted")
    figure.savefig(path, dpi=80)


def _workers(count: int) -> str:
    return f"{count:,} worker{'' if count == 1 else 's'}"


def _finish(panel: Any, title: str, legend: bool = False) -> None:
    panel.set(title=title, xlabel="images asked for, of those that could be painted")
    panel.axvline(1.0, color="grey", linewidth=0.8)
    panel.set_ylim(bottom=0)
    panel.grid(alpha=0.3)
    if legend:
        panel.legend(fontsize="small")
