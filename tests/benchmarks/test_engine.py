"""The engine benchmark feeds an engine rows that share nothing, and counts what comes back."""

import itertools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.engine import benchmark, main, make_rounds
from engines.engine import Painted, Row
from engines.errors import EngineError
from engines.fake_engine import FakeEngine
from engines.students import load_student

STUDENT = load_student("embedded")
CONDITIONING = [np.zeros(STUDENT.text_shape, np.float32)]


def test_rows_share_nothing() -> None:
    """No two rows have the same image, seed or job."""
    rows = [row for ticks in make_rounds(STUDENT, CONDITIONING, 4, 0.5) for row in ticks[0]]
    assert len({row.seed for row in rows}) == len({row.job for row in rows}) == len(rows) == 16
    for one, other in itertools.combinations(rows, 2):
        assert one.image is not None
        assert one.image.shape == (STUDENT.height, STUDENT.width, 3)
        assert not np.array_equal(one.image, other.image)


def test_jobs_of_several_steps() -> None:
    """A job of several steps is a row of as many ticks, with its image at the first and its end at the last."""
    student = replace(STUDENT, contract=replace(STUDENT.contract, times=(1.0, 0.2, 0.1)))
    ticks = make_rounds(student, CONDITIONING, 2, 0.5)[0]
    assert [[(row.index, row.last, row.image is not None) for row in rows] for rows in ticks] == [
        [(0, False, True)] * 2,
        [(1, False, False)] * 2,
        [(2, True, False)] * 2,
    ]


def test_rates() -> None:
    """Images per second follow from the time of a tick, for every compiled size."""
    result = benchmark(FakeEngine(STUDENT, (1, 4), tick_seconds=0.02), seconds=0.1)
    one, four = result["batches"]
    assert (one["batch"], four["batch"]) == (1, 4)
    assert min(one["median_ms"], four["median_ms"]) >= 20
    assert one["images_per_s"] <= 50
    assert one["images_per_s"] < four["images_per_s"] <= 200


def test_a_row_that_fails() -> None:
    """An engine that answers a row with an error has no rate."""

    class Failing(FakeEngine):
        def tick(self, rows: Sequence[Row]) -> list[Painted]:
            return [Painted(error="no paint") for _ in rows]

    with pytest.raises(EngineError, match="no paint"):
        benchmark(Failing(STUDENT, (1,)), seconds=0.1)


def test_command(capsys: pytest.CaptureFixture[str]) -> None:
    """The command prints a table, and names the students there are when asked for another."""
    assert main(["--engine", "fake", "--seconds", "0.02", "--batch-sizes", "2,1"]) == 0
    assert "images/s" in capsys.readouterr().out
    assert main(["--engine", "fake", "--student", "nobody"]) == 1
    assert "embedded" in capsys.readouterr().err
