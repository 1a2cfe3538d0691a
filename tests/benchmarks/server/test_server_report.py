"""The benchmark's ratios are of the right things, and its report is complete."""

from typing import Any

import pytest

from benchmarks.server.report import best_batch, flatness, markdown, ratio


def engine(*rates: float) -> dict[str, Any]:
    batches = [{"batch": 2**i, "images_per_s": rate, "cpu_ms_per_image": 20.0} for i, rate in enumerate(rates)]
    return {"engine": "fake", "device": "none", "precision": "f32", "student": "embedded", "steps": 1, "batches": batches}


def load(clients: int, rate: float) -> dict[str, Any]:
    shares = {"p50": 1.0, "p95": 2.0, "p99": None}
    return {
        "clients": clients, "seconds": 10.0, "images": round(rate * 10), "images_per_s": rate, "repeats": 300, "dropped": 0,
        "errors": {}, "failures": {"Full: no room": 2}, "unanswered": 0, "fairness": 1.0, "rows_per_tick": None,
        "stages_ms": {"wait": shares, "total": shares}, "repeat_ms": shares, "engine_busy": 0.5,
        "painted": 100, "server_cpu_s": 3.0, "client_cpu_s": None,
        "slices": [{"start_s": 0, "images": 1, "p99_ms": 100.0}], "per_client": [{"images_per_s": rate / clients}] * clients,
    }  # fmt: skip


def test_one_client_is_compared_with_batch_one() -> None:
    """One client is measured against batch 1, at the mean of before and after."""
    assert ratio(load(1, 9), engine(8, 30), engine(12, 30)) == (pytest.approx(0.9), 1)


def test_many_are_compared_with_the_best_batch() -> None:
    """Several clients are measured against the batch size that is best on average, not the largest."""
    assert ratio(load(16, 27), engine(10, 40, 20), engine(10, 20, 39)) == (pytest.approx(0.9), 2)


def test_best_batch() -> None:
    """The best batch is best on average over all runs."""
    assert best_batch([engine(10, 40, 20), engine(10, 20, 39)]) == (2, 30)


def test_flatness() -> None:
    """Flatness compares the last third with the first, and slices without images do not count."""
    rising = [{"p99_ms": value} for value in (1.0, 1.0, 1.5, 1.5, 2.0, 2.0, None)]
    assert flatness(rising) == 2.0
    assert flatness([{"p99_ms": 5.0}]) == 1.0


def test_markdown() -> None:
    """The report shows engine, loads, stages, the still run and the long one, and why clients failed."""
    text = markdown({
        "engine": [engine(10, 20)] * 3, "loads": [load(1, 9), load(1, 8)], "still": load(4, 10), "flat": load(16, 18),
        "ready_after": 1.25, "memory": {"idle": {"resident": 100.0}, "after": {}}, "seconds": 10.0,
        "overhead": {
            "image_ms": 8.0, "rows": 4, "per_image_ns": {"metrics": 15_000.0, "energy": 1000.0},
            "per_second_us": {"a scrape": 200.0}, "traces_on_ns": 50_000.0, "share": 0.0022,
        },
    })  # fmt: skip
    assert "| 2 | 20.0 | 20.0 | 20.0 | **20.0** | 20.0 |" in text
    assert "**90%** of batch 1" in text
    assert (
        "1 client: **85%** of the engine alone (90%, 80%), 67% by processor time per image, fairness 1.0000, unanswered 0"
        in text
    )
    assert "| 30.0 | - |" in text
    assert "**75%**" in text
    assert "1 / 2" in text.replace(".0", "")
    assert "first: **1.00**" in text
    assert "100 MiB when ready, unknown after" in text
    assert "Full: no room (2)" in text
    assert "8.0 ms in a tick of 4, its metrics, energy books and log take 16 us" in text
    assert "**0.22%** of the time" in text
