"""A soak's verdict: each thing that may be missed is missed for its own reason, and by no more."""

from dataclasses import replace
from typing import Any

import pytest

from benchmarks.soak.probe import Look, count_series, parse_threads
from benchmarks.soak.report import report, table
from benchmarks.soak.visit import SoakCounts

LOOK = Look(at=0.0, resident_mib=100.0, descriptors=10, threads=8, tasks=3, series=200, sessions=0)
WARM, END = 60.0, 240.0


def _tally(first: float = 0.1, last: float = 0.1, **more: Any) -> SoakCounts:
    """Images all the time: in the first window after so many seconds each, in the last after so many."""
    tally = SoakCounts(sent=480, answered=480, **more)
    for tenth in range(4800):
        at = tenth / 20
        tally.at.append(at)
        tally.seconds.append(first if at < 150 else last)
        tally.engine.append(0.02)
    return tally


def _looks(first: float = 100.0, last: float = 100.0, **more: Any) -> list[Look]:
    return [replace(LOOK, at=float(at), resident_mib=first if at < 150 else last, sessions=4, **more) for at in range(240)]


def _report(
    tally: SoakCounts | None = None, looks: list[Look] | None = None, after: Look = LOOK, **more: Any
) -> dict[str, Any]:
    return report(LOOK, looks or _looks(), after, tally or _tally(), WARM, END, more.get("tracebacks", 0))


def test_all_held() -> None:
    """A server that ends as it began has missed nothing."""
    result = _report()
    assert result["misses"] == []
    assert result["minutes"] == 3
    assert result["latency_ms"]["first"] == {"p50": pytest.approx(100), "p99": pytest.approx(100)}
    assert result["tick_ms"] == {"first": pytest.approx(20), "last": pytest.approx(20)}
    assert "all held" in table(result)


@pytest.mark.parametrize(
    ("what", "miss"),
    [
        ({"looks": _looks(100, 102.5)}, "resident memory grew by 2.5%; at most 2%"),
        ({"tally": _tally(0.1, 0.112)}, "the p99 grew by 12.0%; at most 10%"),
        ({"tally": SoakCounts()}, "no latency: too few images"),
        ({"tally": _tally(unanswered=1)}, "1 frames unanswered"),
        ({"tally": _tally(unasked=2)}, "2 frames unasked"),
        ({"tally": _tally(out_of_order=1)}, "1 frames out of order"),
        ({"tally": _tally(stills_unanswered=1)}, "1 stills unanswered"),
        ({"looks": [*_looks()[:-1], replace(LOOK, at=239.0, series=201)]}, "the number of series went from 200 to 201"),
        ({"after": replace(LOOK, descriptors=11)}, "descriptors: 10, then 11"),
        ({"after": replace(LOOK, threads=9)}, "threads: 8, then 9"),
        ({"after": replace(LOOK, tasks=4)}, "tasks: 3, then 4"),
        ({"after": replace(LOOK, sessions=1)}, "sessions: 0, then 1"),
        ({"tracebacks": 1}, "1 tracebacks in the server's log"),
    ],
)
def test_one_miss(what: dict[str, Any], miss: str) -> None:
    """Each is missed alone, and said."""
    result = _report(**what)
    assert result["misses"] == [miss]
    assert f"MISSED: {miss}" in table(result)


def test_answers_that_should_not_be() -> None:
    """What clients ask for, as errors for nonsense, is no miss; an engine's error or a 500 is."""
    tally = _tally()
    tally.complaints.update({"bad_params": 5, "bad_image": 2, "full": 1})
    assert _report(tally)["misses"] == []
    tally.complaints.update({"engine_error": 3, "HTTP 500": 1})
    assert _report(tally)["misses"] == ["3 answers engine_error", "1 answers HTTP 500"]


def test_just_held() -> None:
    """What stays below its bound is held, and so is what gets less or faster."""
    assert _report(_tally(0.1, 0.109), _looks(100, 101.9))["misses"] == []
    assert _report(_tally(0.1, 0.05), _looks(100, 80), replace(LOOK, threads=7, descriptors=9))["misses"] == []


def test_the_warm_up_does_not_count() -> None:
    """Memory that grows before the measured time, and images of that time, are not held against the server."""
    looks = [replace(look, resident_mib=50.0) if look.at < WARM else look for look in _looks()]
    tally = _tally()
    tally.seconds = type(tally.seconds)("d", [9.0 if at < WARM else s for at, s in zip(tally.at, tally.seconds, strict=True)])
    assert _report(tally, looks)["misses"] == []


def test_what_cannot_be_seen() -> None:
    """Of a server that does not say it, threads, memory and the log are unknown, and no miss."""
    blind = replace(LOOK, threads=None, resident_mib=None, tasks=None)
    result = report(blind, [replace(blind, at=float(at)) for at in range(240)], blind, _tally(), WARM, END, None)
    assert result["misses"] == []
    assert "unknown" in table(result)


def test_count_series() -> None:
    """Comments are no series, and those that come and go by design are left out."""
    text = '# HELP a b\na 1\nb{c="d"} 2\nallaprima_joules_per_image{meter="model"} 3\nallaprima_power_watts 4\n'
    assert count_series(text) == 2


def test_parse_threads() -> None:
    """The threads of a process are read from its status, where there is one."""
    assert parse_threads("Name:\tx\nThreads:\t12\n") == 12
    assert parse_threads("Name:\tx\n") is None
