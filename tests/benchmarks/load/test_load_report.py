"""A load's tallies become one honest report."""

import json

import pytest

from benchmarks.load.report import ClientCounts, report, table


def tally(images: int, rows: int = 1) -> ClientCounts:
    one = ClientCounts(sent=images)
    one.kinds["image"] = images
    one.rows[rows] = images
    one.at.extend(100 + i for i in range(images))
    for name, times in one.stages.items():
        times.extend(0.1 if name == "total" else 0.01 for _ in range(images))
    return one


def test_rates_and_fairness() -> None:
    """Rates are per measured second, and fairness is over the clients' images."""
    result = report([tally(30), tally(10)], 100, 10, 5)
    assert result["images_per_s"] == 4
    assert [client["images_per_s"] for client in result["per_client"]] == [3, 1]
    assert result["fairness"] == pytest.approx(0.8)
    assert result["stages_ms"]["total"]["p50"] == pytest.approx(100)


def test_rows_per_tick() -> None:
    """The mean is over ticks: eight images of one tick of eight and one of a tick of one are two ticks."""
    assert report([tally(8, rows=8), tally(1, rows=1)], 100, 10, 10)["rows_per_tick"] == pytest.approx(4.5)


def test_unanswered_frames_add_up() -> None:
    """Unanswered frames of all clients are added, and shown."""
    one, other = tally(1), tally(1)
    one.unanswered, other.unanswered = 2, 3
    result = report([one, other], 100, 10, 10)
    assert result["unanswered"] == 5
    assert "unanswered 5" in table(result)


def test_nothing_measured() -> None:
    """Where nothing was measured the report says None, and is still JSON and a table."""
    result = report([ClientCounts(failure="Gone: away")], 100, 10, 10)
    assert result["rows_per_tick"] is None
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    assert "failed: Gone: away (1)" in table(result)
