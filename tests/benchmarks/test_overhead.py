"""The cost of watching is measured, stated as a share, and small."""

import json

import pytest

from benchmarks import overhead


def test_share(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The share is what an image costs by what it takes, and what a second costs; the sum is of all parts."""
    monkeypatch.setattr(overhead, "best", lambda work, times=1: (work(), 1e-6)[1])
    assert overhead.main(["--image-ms", "1", "--rows", "2", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["per_image_ns"]["metrics of its tick"] == 500
    image = sum(result["per_image_ns"].values()) / 1e9
    assert result["share"] == pytest.approx(image / 1e-3 + sum(result["per_second_us"].values()) / 1e6)


def test_table(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Each part has a line, and so has the sum."""
    monkeypatch.setattr(overhead, "best", lambda work, times=1: (work(), 1e-6)[1])
    assert overhead.main(["--image-ms", "10"]) == 0
    said = capsys.readouterr().out
    for part in ("metrics of an image", "energy of its tick", "counts of its connection", "closing a window", "all"):
        assert part in said


def test_under_a_hundredth() -> None:
    """Metrics and energy books of an image take less than a hundredth of the 10 ms that a small student needs for one."""
    assert sum(overhead.per_image(rows=1).values()) < 0.01 * 10e-3


def test_an_engine_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    """An engine that cannot be made is said in a line."""
    assert overhead.main(["--engine", "magic"]) == 1
    assert "no engine named 'magic'" in capsys.readouterr().err
