"""The order of a run, and that neither a failure nor a deadline loses what was measured."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from benchmarks.gpu import run as running
from benchmarks.gpu.bench import Bench
from benchmarks.gpu.contestants import Contestant
from benchmarks.gpu.deadline import Deadline
from benchmarks.gpu.painter import Painter
from benchmarks.gpu.run import SCENES, Case, Run, busy_cameras, groups, last_rows, plan
from benchmarks.gpu.shapes import Shape, tiny_shapes
from engines.engine import Pixels
from tests.benchmarks.gpu.noting import Noting


def contestant(name: str, painter: Callable[[], Painter] = Noting, **options: Any) -> Contestant:
    return Contestant(name, lambda bench, shape, sizes: painter(), **options)


class Failing(Noting):
    """Fails at its second tick."""

    def begin(self, pictures: Sequence[Pixels]) -> Any:
        if self.notes:
            raise RuntimeError("out of paint\nand a long story")
        return super().begin(pictures)


class Runs:
    """Runs with contestants of the test's choosing, and their records by kind."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.records: list[dict[str, Any]] = []

    def go(
        self, contestants: Sequence[Contestant], patch: pytest.MonkeyPatch, batches: tuple[int, ...] = (1, 2),
        only: Sequence[str] = (), deadline: Deadline | None = None,
    ) -> None:  # fmt: skip
        patch.setattr(running, "CONTESTANTS", tuple(contestants))
        patch.setattr(running, "count_flops", lambda shape: {"encode": 10**9, "denoise": 3 * 10**9})
        patch.setattr(running, "matrix_peak", lambda device, dtype, sides, seconds: {256: 0.5, 512: 0.75})
        bench = Bench("cpu", self._folder, groups(batches))
        run = Run(bench, deadline or Deadline(600.0), 0.01, self.records.append, tiny=True)
        run.all(tiny_shapes()[:1], batches, only)
        bench.close()

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [record for record in self.records if record["kind"] == kind]


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(tmp_path)


def test_the_order() -> None:
    """First the targets' batches of the first shape by everybody, then the scenes, the other shapes, and the rest."""
    one, other = contestant("one"), contestant("other", families=("sd15",))
    order = [
        work if isinstance(work, str) else (work.contestant.name, work.shape.name, work.batch)
        for work in plan((one, other), tiny_shapes()[:2], (1, 2, 4, 8, 16))
    ]
    assert order == [
        ("one", "sd15-64", 1), ("other", "sd15-64", 1), ("one", "sd15-64", 8), ("other", "sd15-64", 8), SCENES,
        ("one", "sdxl-64", 1), ("one", "sdxl-64", 8),
        *((name, "sd15-64", batch) for batch in (16, 4, 2) for name in ("one", "other")),
        *(("one", "sdxl-64", batch) for batch in (16, 4, 2)),
    ]  # fmt: skip


def test_what_may_end_the_process_comes_last() -> None:
    """A contestant of that kind comes after all others of its shape and batches, whatever its place among them."""
    risky, other = contestant("risky", last=True), contestant("other")
    order = [(work.contestant.name, work.shape.name, work.batch) for work in plan((risky, other), tiny_shapes()[:2], (1, 8, 2))
             if not isinstance(work, str)]  # fmt: skip
    assert order == [
        ("other", "sd15-64", 1), ("other", "sd15-64", 8), ("risky", "sd15-64", 1), ("risky", "sd15-64", 8),
        ("other", "sdxl-64", 1), ("other", "sdxl-64", 8), ("risky", "sdxl-64", 1), ("risky", "sdxl-64", 8),
        ("other", "sd15-64", 2), ("risky", "sd15-64", 2), ("other", "sdxl-64", 2), ("risky", "sdxl-64", 2),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("batches", "expected"),
    [((1, 2, 8), ((1, 8), (2,))), ((1, 8), ((1, 8),)), ((2, 4), ((2,), (4,))), ((16,), ((16,),))],
)
def test_groups(batches: tuple[int, ...], expected: tuple[tuple[int, ...], ...]) -> None:
    """The targets' batches are one group, or the smallest batch where there are none of them."""
    assert groups(batches) == expected


def test_a_failure_harms_no_other(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    """What one contestant raises is told in a line, and the others are measured; its painter is closed all the same."""
    made: list[Failing] = []

    def failing() -> Painter:
        made.append(Failing())
        return made[-1]

    def broken() -> Painter:
        raise OSError("no such library")

    runs.go([contestant("failing", failing), contestant("broken", broken), contestant("sound")], monkeypatch)
    assert [(row["engine"], row["batch"]) for row in runs.of("row")] == [("sound", 1), ("sound", 2)]
    errors = {error["what"]: error["error"] for error in runs.of("error")}
    assert errors["failing, sd15-64, batch 1"] == "RuntimeError: out of paint"
    assert errors["broken, sd15-64, batch 2"] == "OSError: no such library"
    assert all("close" in painter.notes for painter in made)


def test_a_row_has_all_columns(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rates, latencies, operations and the share of the peak hang together."""
    runs.go([contestant("torch")], monkeypatch, (2,), only=("torch",))
    (row,) = runs.of("row")
    assert row["batch"] == 2
    assert row["tflops"] == pytest.approx(row["images_per_s"] * 4e9 / 1e12)
    assert row["share"] == pytest.approx(row["tflops"] / 0.75)
    assert 0 < row["p50_ms"] <= row["p99_ms"]
    assert row["jpeg_images_per_s"] > 0
    assert (row["watts"], row["joules_per_image"], row["waits_per_tick"]) == (None, None, None)


def test_networks_that_are_none_have_no_operations(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in's rate is not made into TFLOP/s."""
    runs.go([contestant("standin", computes=False)], monkeypatch, (1,), only=("standin",))
    assert [(row["tflops"], row["share"]) for row in runs.of("row")] == [(None, None)]


def test_scenes(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both scenes with and without the filter, before one camera and before as many as nearly fill the engine."""
    monkeypatch.setattr(running, "RATE", 100.0)
    monkeypatch.setattr(running, "watch", _watch_briefly)
    runs.go([contestant("diffusers"), contestant("torch")], monkeypatch, (1, 8))
    scenes = runs.of("scene")
    assert {scene["engine"] for scene in scenes} == {"torch"}
    cameras = sorted({scene["cameras"] for scene in scenes})
    assert cameras[0] == 1
    assert cameras[1] % 8 == 0
    assert len(scenes) == 8
    skipped = {(scene["scene"], scene["filtered"]): scene["skipped"] for scene in scenes}
    assert skipped["still", True] > 0.5 > 0.1 > skipped["moving", True]
    assert skipped["still", False] == skipped["moving", False] == 0


def _watch_briefly(painter: Painter, scene: Any, side: int, cameras: int, seconds: float, *rest: Any) -> Any:
    from benchmarks.gpu.scenes import watch

    return watch(painter, scene, side, min(cameras, 3), 0.2, *rest, rate=200.0)


@pytest.mark.parametrize(
    ("rate", "batch", "cameras"),
    [(340.0, 8, 8), (600.0, 8, 16), (1e6, 8, 64), (150.0, 8, 4), (20.0, 8, 1), (0.0, 1, 1), (100.0, 1, 3)],
)
def test_cameras_of_a_busy_engine(rate: float, batch: int, cameras: int) -> None:
    """Nine tenths of what it can do at 30 frames a second, in whole ticks where there are as many."""
    assert busy_cameras(rate, batch) == cameras


def test_only_some(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of those there are, the named ones are measured, and no scenes unless named."""
    runs.go([contestant("one"), contestant("other")], monkeypatch, (1,), only=("other",))
    assert [row["engine"] for row in runs.of("row")] == ["other"]
    assert not runs.of("scene")


def test_who_is_absent_says_why(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    """A contestant that cannot run here is told once, with the reason."""
    runs.go([contestant("tensorrt", lacking=lambda bench: "TensorRT is not installed")], monkeypatch)
    assert runs.of("absent") == [{"kind": "absent", "what": "tensorrt", "why": "TensorRT is not installed"}]
    assert not runs.of("row")


def test_the_deadline(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    """After it nothing is begun, and each thing that is not done is told."""
    now = 0.0

    class Slow(Noting):
        def close(self) -> None:
            nonlocal now
            now += 100.0

    runs.go([contestant("torch", Slow)], monkeypatch, (1, 2, 4), only=("torch",), deadline=Deadline(150.0, lambda: now))
    assert [row["batch"] for row in runs.of("row")] == [1, 4]
    (skipped,) = runs.of("skipped")
    assert skipped["what"] == "torch, sd15-64, batch 2"
    assert "200 s" in skipped["why"]


def test_cases_of_a_kind_take_as_long(sd15: Shape) -> None:
    """What one batch took is what another of the same engine and networks is expected to take."""
    one, other = (Case(contestant("torch"), sd15, batch) for batch in (1, 8))
    assert one.kind == other.kind
    assert one.what != other.what


def test_later_rows_replace_earlier_ones() -> None:
    """A file of two runs has each row once: as it was measured last."""
    row = {"kind": "row", "engine": "torch", "family": "sd15", "pixels": 512, "batch": 1, "under_way": 1}
    kept = last_rows([{**row, "images_per_s": 1}, {"kind": "error"}, {**row, "images_per_s": 2}, {**row, "batch": 2}])
    assert [record.get("images_per_s") for record in kept if record["kind"] == "row"] == [2, None]
    assert {"kind": "error"} in kept
