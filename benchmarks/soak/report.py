"""What a soak came to: figures, what was held and what was not, and both as a table. Pure."""

import statistics
from collections.abc import Sequence
from typing import Any

from ..measure import percentile
from .probe import Look
from .visit import SoakCounts

MOST_DRIFT = 0.02
"""Resident memory in the last window over that in the first after the warm-up, less one."""
MOST_SLOWER = 0.10
"""The p99 of the last window over that of the first, less one."""
_WINDOW = 60.0
_LEFT_OVER = ("descriptors", "threads", "tasks", "sessions")
_FRAMES = ("sent", "answered", "unanswered", "abandoned", "unasked", "out_of_order")
_EXPECTED = ("bad_json", "bad_message", "bad_params", "bad_frame", "bad_id", "bad_image", "full")
"""Complaints that clients ask for, and the one that a busy server may make."""


def report(
    before: Look, looks: Sequence[Look], after: Look, tally: SoakCounts, warm: float, end: float, tracebacks: int | None
) -> dict[str, Any]:
    """Plain values, ready for JSON. `warm` and `end` bound the measured time, on `time.perf_counter`'s clock.

    `before` and `after` are looks at the server with nobody there; `tracebacks` is None where its log cannot be seen.
    """
    window = min(_WINDOW, (end - warm) / 3)
    windows = {"first": (warm, warm + window), "last": (end - window, end)}
    measured = [look for look in looks if warm <= look.at < end]
    series = [look.series for look in (before, *looks, after)]
    result: dict[str, Any] = {
        "minutes": (end - warm) / 60,
        "window_s": window,
        "memory_mib": {
            "before": before.resident_mib,
            **{name: _memory(measured, when) for name, when in windows.items()},
            "after": after.resident_mib,
        },
        "latency_ms": {name: _latency(tally, when) for name, when in windows.items()},
        "tick_ms": {name: _tick(tally, when) for name, when in windows.items()},
        "left_over": {name: _left_over(name, before, measured, after) for name in _LEFT_OVER},
        "series": {"least": min(series), "most": max(series)},
        "frames": {name: getattr(tally, name) for name in _FRAMES},
        "answers": dict(tally.kinds),
        "visits": {name: getattr(tally, name) for name in ("visits", "vanished", "resumed")},
        "stills": {"asked": tally.stills, "unanswered": tally.stills_unanswered},
        "complaints": dict(tally.complaints),
        "refused": dict(tally.refused),
        "tracebacks": tracebacks,
    }
    result["misses"] = misses(result)
    return result


def misses(result: dict[str, Any]) -> list[str]:
    """What was not held, each in a line; empty if all was. What could not be seen is not held against the server."""
    drift, slower = _drift(result), _slower(result)
    frames, series, stills = result["frames"], result["series"], result["stills"]
    held = [
        (drift is None or drift < MOST_DRIFT, f"resident memory grew by {drift or 0:.1%}; at most {MOST_DRIFT:.0%}"),
        (slower is not None, "no latency: too few images"),
        (slower is None or slower <= MOST_SLOWER, f"the p99 grew by {slower or 0:.1%}; at most {MOST_SLOWER:.0%}"),
        (series["least"] == series["most"], f"the number of series went from {series['least']} to {series['most']}"),
        (not stills["unanswered"], f"{stills['unanswered']} stills unanswered"),
        (not result["tracebacks"], f"{result['tracebacks']} tracebacks in the server's log"),
    ]
    for name, counts in result["left_over"].items():
        known = None not in (counts["before"], counts["after"])
        held.append((not known or counts["after"] <= counts["before"], f"{name}: {counts['before']}, then {counts['after']}"))
    held += [(not frames[name], f"{frames[name]} frames {_words(name)}") for name in ("unanswered", "unasked", "out_of_order")]
    held += [(code in _EXPECTED, f"{count} answers {code}") for code, count in result["complaints"].items()]
    return [miss for true, miss in held if not true]


def table(result: dict[str, Any]) -> str:
    """The report for a person."""
    memory, latency, window = result["memory_mib"], result["latency_ms"], result["window_s"]
    rows = [
        ["", "before", f"first {window:.0f} s", f"last {window:.0f} s", "after"],
        ["resident memory, MiB", *(_number(memory[name]) for name in ("before", "first", "last", "after"))],
        ["latency p50, ms", "", *(_number(latency[name]["p50"]) for name in ("first", "last")), ""],
        ["latency p99, ms", "", *(_number(latency[name]["p99"]) for name in ("first", "last")), ""],
    ]
    # a machine that others use too is not equally fast for long: then ticks say so
    rows.append(["a tick, median, ms", "", *(_number(result["tick_ms"][name]) for name in ("first", "last")), ""])
    for name, counts in result["left_over"].items():
        rows.append([name, _count(counts["before"]), f"most {_count(counts['most'])}", "", _count(counts["after"])])
    rows.append(["series", str(result["series"]["least"]), "", "", str(result["series"]["most"])])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip() for row in rows]
    lines.append("")
    for name in ("frames", "answers", "visits", "stills", "complaints", "refused"):
        lines.append(f"{name}: {', '.join(f'{_words(what)} {count}' for what, count in result[name].items()) or 'none'}")
    grown = f"memory {_percent(_drift(result))}, p99 {_percent(_slower(result))}"
    lines += ["", f"{grown} over {result['minutes']:.1f} minutes after the warm-up"]
    lines += [f"MISSED: {miss}" for miss in result["misses"]] or ["all held"]
    return "\n".join(lines)


def _drift(result: dict[str, Any]) -> float | None:
    return _growth(result["memory_mib"]["first"], result["memory_mib"]["last"])


def _slower(result: dict[str, Any]) -> float | None:
    return _growth(result["latency_ms"]["first"]["p99"], result["latency_ms"]["last"]["p99"])


def _growth(first: float | None, last: float | None) -> float | None:
    return last / first - 1 if first and last is not None else None


def _in(at: float, window: tuple[float, float]) -> bool:
    return window[0] <= at < window[1]


def _latency(tally: SoakCounts, window: tuple[float, float]) -> dict[str, float | None]:
    values = [1e3 * seconds for at, seconds in zip(tally.at, tally.seconds, strict=True) if _in(at, window)]
    return {name: percentile(values, share) if values else None for name, share in (("p50", 0.5), ("p99", 0.99))}


def _tick(tally: SoakCounts, window: tuple[float, float]) -> float | None:
    values = [1e3 * seconds for at, seconds in zip(tally.at, tally.engine, strict=True) if _in(at, window)]
    return statistics.median(values) if values else None


def _memory(looks: Sequence[Look], window: tuple[float, float]) -> float | None:
    known = [look.resident_mib for look in looks if look.resident_mib is not None and _in(look.at, window)]
    return statistics.median(known) if known else None


def _left_over(name: str, before: Look, looks: Sequence[Look], after: Look) -> dict[str, int | None]:
    known = [value for look in looks if (value := getattr(look, name)) is not None]
    return {"before": getattr(before, name), "most": max(known, default=None), "after": getattr(after, name)}


def _words(name: str) -> str:
    return name.replace("_", " ")


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.1f}"


def _count(value: int | None) -> str:
    return "unknown" if value is None else str(value)


def _percent(value: float | None) -> str:
    return "unknown" if value is None else f"{value:+.1%}"
