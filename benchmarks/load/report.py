"""What a load came to: the tallies of all clients as one report, and the report as a table."""

import math
from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ..measure import jain, percentiles, slices

STAGES = ("wait", "decode", "engine", "encode", "total")
_WHOLE_RUN = ("sent", "painted", "skipped", "unanswered", "out_of_order", "bad_payloads")


@dataclass
class ClientCounts:
    """What one client saw. Counts and timings are of answers that came within the measured time; times are seconds.

    `sent`, `painted` (images), `skipped`, `unanswered`, `out_of_order` and `bad_payloads` are of the whole run, with its
    warm-up and its end.
    """

    sent: int = 0
    painted: int = 0
    skipped: int = 0
    unanswered: int = 0
    out_of_order: int = 0
    bad_payloads: int = 0
    failure: str | None = None
    kinds: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    rows: Counter[int] = field(default_factory=Counter)
    at: "array[float]" = field(default_factory=lambda: array("d"))
    stages: "dict[str, array[float]]" = field(default_factory=lambda: {name: array("d") for name in STAGES})
    repeat_total: "array[float]" = field(default_factory=lambda: array("d"))
    last_id: int = 0


def report(tallies: Sequence[ClientCounts], begin: float, seconds: float, slice_seconds: float) -> dict[str, Any]:
    """Plain values, ready for JSON: rates per second, times in milliseconds, None where there is nothing to measure."""
    kinds = _summed(tally.kinds for tally in tallies)
    rows = _summed(tally.rows for tally in tallies)
    images = [tally.kinds["image"] for tally in tallies]
    failures = [tally.failure for tally in tallies if tally.failure]
    timed = [(at - begin, total) for tally in tallies for at, total in zip(tally.at, tally.stages["total"], strict=True)]
    result = {
        "clients": len(tallies),
        "seconds": seconds,
        "images": kinds["image"],
        "images_per_s": kinds["image"] / seconds,
        "repeats": kinds["repeat"],
        "dropped": kinds["dropped"],
        "errors": dict(_summed(tally.errors for tally in tallies)),
        "failures": dict(Counter(failures)),
        **{name: sum(getattr(tally, name) for tally in tallies) for name in _WHOLE_RUN},
        "fairness": jain(images),
        "rows_per_tick": _mean_rows(rows),
        "stages_ms": {name: _milliseconds([t for tally in tallies for t in tally.stages[name]]) for name in STAGES},
        "repeat_ms": _milliseconds([t for tally in tallies for t in tally.repeat_total]),
        "slices": [_slice(part) for part in slices(timed, slice_seconds, seconds)],
        "per_client": [_client(tally, seconds) for tally in tallies],
    }
    tidied = _tidy(result)
    assert isinstance(tidied, dict)
    return tidied


def table(result: dict[str, Any]) -> str:
    """The report for a person."""
    lines = [
        f"{result['clients']} clients, {result['seconds']:g} s: {_number(result['images_per_s'])} images/s, "
        f"fairness {_number(result['fairness'], 4)}, {_number(result['rows_per_tick'])} rows per tick",
        f"images {result['images']}, repeats {result['repeats']}, dropped {result['dropped']}, skipped {result['skipped']}, "
        f"errors {result['errors'] or 0}, unanswered {result['unanswered']}, out of order {result['out_of_order']}",
        "",
        f"{'stage':8}{'p50 ms':>10}{'p95 ms':>10}{'p99 ms':>10}",
    ]
    for name, shares in result["stages_ms"].items():
        lines.append(f"{name:8}" + "".join(f"{_number(shares[p]):>10}" for p in ("p50", "p95", "p99")))
    lines += [
        "",
        "p99 of total by time: " + ", ".join(f"{s['start_s']:g} s {_number(s['p99_ms'])} ms" for s in result["slices"]),
    ]
    lines += ["images/s by client: " + ", ".join(_number(client["images_per_s"]) for client in result["per_client"])]
    lines += [f"failed: {reason} ({count})" for reason, count in result["failures"].items()]
    return "\n".join(lines)


def _client(tally: ClientCounts, seconds: float) -> dict[str, Any]:
    return {
        "images": tally.kinds["image"],
        "images_per_s": tally.kinds["image"] / seconds,
        "repeats": tally.kinds["repeat"],
        "dropped": tally.kinds["dropped"],
        "errors": dict(tally.errors),
        "failure": tally.failure,
        **{name: getattr(tally, name) for name in _WHOLE_RUN},
    }


def _mean_rows(rows: Counter[int]) -> float:
    """Rows of the mean tick, not of the mean image: a tick of n rows answers n images."""
    ticks = sum(count / max(1, size) for size, count in rows.items())
    return rows.total() / ticks if ticks else math.nan


def _milliseconds(values: Sequence[float]) -> dict[str, float]:
    return {name: value * 1e3 for name, value in percentiles(values).items()}


def _slice(part: dict[str, float]) -> dict[str, float]:
    return {"start_s": part["start"], "images": part["count"], "p99_ms": part["p99"] * 1e3}


def _summed(counters: Any) -> Counter[Any]:
    total: Counter[Any] = Counter()
    for counter in counters:
        total.update(counter)
    return total


def _number(value: float | None, digits: int = 1) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _tidy(value: Any) -> Any:
    """JSON knows no nan, and nobody reads the tenth digit."""
    if isinstance(value, dict):
        return {key: _tidy(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_tidy(inner) for inner in value]
    if isinstance(value, float):
        return round(value, 4) if math.isfinite(value) else None
    return value
