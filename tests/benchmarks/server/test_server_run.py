"""The benchmark's parts run as it calls them, and what fails is said clearly."""

from typing import Any

import pytest

from benchmarks.server import run as bench
from benchmarks.serving import ServingError


def test_engine_alone() -> None:
    """The engine alone is measured in a process of its own, at the batch sizes asked for."""
    options = bench._parse(["--engine", "fake", "--engine-seconds", "0.05", "--batch-sizes", "1,2", "--fake-row", "0.001"])
    result = bench.engine_alone(options)
    assert [row["batch"] for row in result["batches"]] == [1, 2]
    assert all(row["images_per_s"] > 0 for row in result["batches"])


def test_overhead() -> None:
    """What watching costs is measured in a process of its own, against the engine's best time of an image."""
    result = bench.overhead([{"batches": [{"batch": 1, "images_per_s": 50.0}, {"batch": 4, "images_per_s": 100.0}]}])
    assert (result["image_ms"], result["rows"]) == (10.0, 4)
    assert 0 < result["share"] < 1


def test_an_engine_that_is_not_there() -> None:
    """An engine that cannot be made ends the benchmark with what it said."""
    options = bench._parse(["--engine", "fake", "--student", "nobody"])
    with pytest.raises(bench.BenchError, match="no student named 'nobody'"):
        bench.engine_alone(options)


def test_a_server_that_is_not_ready(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """When the server does not become ready the command says so and ends with 1."""

    def refuse(*arguments: Any) -> Any:
        raise ServingError("the server ended with code 2 before it was ready")

    monkeypatch.setattr(bench, "engine_alone", lambda options: {})
    monkeypatch.setattr(bench, "serving", refuse)
    assert bench.main([]) == 1
    assert "before it was ready" in capsys.readouterr().err


def test_arguments_reach_both_sides() -> None:
    """What changes an engine's speed is given to the server and to the engine alone alike."""
    options = bench._parse(["--threads", "1", "--precision", "f32", "--batch-sizes", "1,4"])
    arguments = bench.server_arguments(options)
    assert arguments[arguments.index("--threads") + 1] == "1"
    assert arguments[arguments.index("--precision") + 1] == "f32"
    assert arguments[arguments.index("--batch-sizes") + 1] == "1,4"
    assert "--cache" not in arguments
