"""One turn: its rows and scenes, and that neither a failure nor a deadline loses what was measured."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from benchmarks.gpu import run as running
from benchmarks.gpu.bench import Bench
from benchmarks.gpu.contestants import Contestant
from benchmarks.gpu.deadline import Deadline
from benchmarks.gpu.painter import Painter
from benchmarks.gpu.run import Run, busy_cameras, expected
from benchmarks.gpu.shapes import tiny_shapes
from engines.engine import Pixels
from tests.benchmarks.gpu.noting import Noting

SHAPES = tiny_shapes()[:2]


def contestant(name: str, painter: Callable[[], Painter] = Noting, **options: Any) -> Contestant:
    return Contestant(name, lambda bench, shape, sizes: painter(), **options)


class Failing(Noting):
    """Fails at its second tick."""

    def begin(self, pictures: Sequence[Pixels]) -> Any:
        if self.notes:
            raise RuntimeError("out of paint\nand a long story")
        return super().begin(pictures)


class Turns:
    """Turns of contestants of the test's choosing, and their records by kind."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.records: list[dict[str, Any]] = [{"kind": "peak", "peak": 0.75}]

    def take(
        self, contestant: Contestant, batches: tuple[int, ...] = (1, 2), shapes: int = 1, scenes: bool = False,
        deadline: Deadline | None = None,
    ) -> None:  # fmt: skip
        deadline = deadline or Deadline(600.0)
        run = Run(Bench("cpu", self._folder), deadline, 0.01, self.records.append, tuple(self.records))  # type: ignore[arg-type]
        run.turn(contestant, SHAPES[:shapes], batches, scenes)

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [record for record in self.records if record["kind"] == kind]


@pytest.fixture
def turns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Turns:
    monkeypatch.setattr(running, "flops_of", lambda shape: {"encode": 10**9, "denoise": 3 * 10**9})
    return Turns(tmp_path)


def test_it_is_opened_once(turns: Turns) -> None:
    """For all batches of a shape and the scenes together, at all their sizes; those that have one size, for each."""
    opened: list[tuple[str, tuple[int, ...]]] = []

    def open_(bench: Bench, shape: Any, sizes: tuple[int, ...]) -> Painter:
        opened.append((shape.name, sizes))
        return Noting(sizes=sizes)

    turns.take(Contestant("torch", open_), (8, 1), shapes=2, scenes=False)
    turns.take(Contestant("diffusers", open_, each=True), (1, 8))
    assert opened == [("sd15-64", (1, 8)), ("sdxl-64", (1, 8)), ("sd15-64", (1,)), ("sd15-64", (8,))]
    assert [row["batch"] for row in turns.of("row")] == [8, 1, 8, 1, 1, 8]


def test_a_failure_harms_no_other(turns: Turns) -> None:
    """What a row raises is told in a line, and the painter is closed all the same; so is what opening raises."""
    made: list[Failing] = []

    def failing() -> Painter:
        made.append(Failing())
        return made[-1]

    def broken() -> Painter:
        raise OSError("no such library")

    turns.take(contestant("failing", failing))
    turns.take(contestant("broken", broken))
    turns.take(contestant("sound"))
    assert [(row["engine"], row["batch"]) for row in turns.of("row")] == [("sound", 1), ("sound", 2)]
    errors = {error["what"]: error["error"] for error in turns.of("error")}
    assert errors["failing, sd15-64, batch 1, 0 ahead"] == "RuntimeError: out of paint"
    assert errors["broken, sd15-64, batch 1, 2"] == "OSError: no such library"
    assert all("close" in painter.notes for painter in made)


def test_a_row_has_all_columns(turns: Turns) -> None:
    """Rates, latencies, operations and the share of the peak hang together; operations are told once."""
    turns.take(contestant("torch"), (2, 4))
    row, _ = turns.of("row")
    assert row["batch"] == 2
    assert row["tflops"] == pytest.approx(row["images_per_s"] * 4e9 / 1e12)
    assert row["share"] == pytest.approx(row["tflops"] / 0.75)
    assert 0 < row["p50_ms"] <= row["p99_ms"]
    assert row["jpeg_images_per_s"] > 0
    assert (row["watts"], row["joules_per_image"], row["waits_per_tick"], row["graphs"]) == (None, None, None, None)
    assert len(turns.of("flops")) == 1
    turns.take(contestant("torch"), (2,))
    assert len(turns.of("flops")) == 1


def test_a_row_says_how_many_graphs_were_captured(turns: Turns) -> None:
    """Of the kinds of tick that its engine has met."""

    class Capturing(Noting):
        graphs = (8, 9)

    turns.take(contestant("torch", Capturing), (1,))
    assert [row["graphs"] for row in turns.of("row")] == [(8, 9)]


def test_networks_that_are_none_have_no_operations(turns: Turns) -> None:
    """A stand-in's rate is not made into TFLOP/s."""
    turns.take(contestant("standin", computes=False), (1,))
    assert [(row["tflops"], row["share"]) for row in turns.of("row")] == [(None, None)]
    assert not turns.of("flops")


def test_scenes(turns: Turns, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both scenes with and without the filter, first before as many cameras as nearly fill the engine, then before one; by
    the painter that gave the rows."""
    monkeypatch.setattr(running, "RATE", 100.0)
    monkeypatch.setattr(running, "watch", _watch_briefly)
    made: list[Noting] = []

    def one() -> Painter:
        made.append(Noting())
        return made[-1]

    turns.take(contestant("torch", one), (1, 8), shapes=2, scenes=True)
    assert len(made) == 2  # a shape each: the scenes are of the first, and open nothing
    scenes = turns.of("scene")
    assert [(scene["scene"], scene["filtered"]) for scene in scenes[:2]] == [("still", False), ("still", True)]
    assert {scene["engine"] for scene in scenes} == {"torch"}
    cameras = sorted({scene["cameras"] for scene in scenes})
    assert cameras[0] == 1
    assert scenes[0]["cameras"] == cameras[1]
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


def test_the_deadline(turns: Turns) -> None:
    """After it nothing is begun, and each thing that is not done is told."""
    now = 0.0

    class Slow(Noting):
        def waits(self, run: Callable[[], None]) -> int | None:  # each row's last
            nonlocal now
            now += 100.0
            return None

    turns.take(contestant("torch", Slow), (1, 4, 2), deadline=Deadline(200.0, clock=lambda: now))
    assert [row["batch"] for row in turns.of("row")] == [1, 4]
    (skipped,) = turns.of("skipped")
    assert skipped["what"] == "torch, sd15-64, batch 2, 0 ahead"
    assert "200 s" in skipped["why"]


def test_what_is_not_known_yet_has_a_time(turns: Turns) -> None:
    """Opening, a row and a scene have times of their own before the first: what they leave no room for is not begun."""
    times = expected(contestant("torch", opening=100.0), 2.0, tiny=False)
    assert times["open"] == 100.0
    assert times["row"] > 4.0
    assert times["scene"] >= 6.0
    assert expected(contestant("torch", opening=100.0), 0.1, tiny=True)["open"] < 10.0
    turns.take(contestant("torch"), (1,), deadline=Deadline(99.0, times, lambda: 0.0))
    assert [record["what"] for record in turns.of("skipped")] == ["torch, sd15-64, batch 1"]
