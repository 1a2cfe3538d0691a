"""The benchmark of stills: its parts run as it calls them, and what is not held is said."""

from typing import Any

import pytest

from benchmarks.serving import serving
from benchmarks.stills import run as bench
from benchmarks.stills.callers import CallFailed, Calls, call


async def test_callers() -> None:
    """Callers keep asking, and each call's tick and stages are known; one that is refused says what it was told."""
    with serving(["--engine", "fake", "--fake-tick", "0.002"]) as server:
        calls = await call(server.port, 2, 0.5, 0.05, prompt="x", output_format="jpeg")
        assert len(calls.total) == len(calls.engine) == len(calls.stages["encode"]) > 2
        assert all(0 < engine < total for engine, total in zip(calls.engine, calls.total, strict=True))
        with pytest.raises(ExceptionGroup) as failed:
            await call(server.port, 1, 0.5, 0.0, prompt="x", n=20)
    assert isinstance(failed.value.exceptions[0], CallFailed)
    assert "less than or equal to 10" in str(failed.value.exceptions[0])


def _result(**more: Any) -> dict[str, Any]:
    calls = Calls()
    calls.add(0.012, {"engine": 0.01, "wait": 0.0005, "decode": 0.0, "encode": 0.0005})
    one = {"jpeg": {**bench._of_one(calls), "processor": 0.001}}
    beside = {"stills": 20.0, "live": 80.0, "fairness": 1.0, "ticks": 25.0}
    return {"best": (8, 100.0), "one": one, "many": 95.0, "beside": beside, "callers": 64, "streams": 4, **more}


def test_held() -> None:
    """What is held is said with its numbers."""
    lines, missed = bench.report(_result())
    assert missed == []
    assert lines[0].startswith("one caller, jpeg: 12.00 ms at p50, of which beside the tick 2.00")
    assert lines[-1] == "live streams: 80.0 images/s, each in 0.80 of the ticks, with room in 0.80, fairness 1.000"


def test_not_held() -> None:
    """So is what is not: too dear a call, too few images, and live streams that get less than their share."""
    slow = Calls()
    slow.add(0.02, {"engine": 0.01, "wait": 0.0, "decode": 0.0, "encode": 0.0})
    beside = {"stills": 60.0, "live": 20.0, "fairness": 1.0, "ticks": 25.0}
    _, missed = bench.report(_result(one={"png": {**bench._of_one(slow), "processor": None}}, many=80.0, beside=beside))
    assert [line.rpartition("; ")[2] for line in missed] == [
        "at most 3 beside the tick", "at least 0.9", "at least 0.9", "at least in 0.48",
    ]  # fmt: skip
