"""A denoiser whose controls add to it by way of one output, which an engine need not compute where no row is shown anything.

The image maker here is known exactly, and so is what its control adds: whatever shares a tick, and whatever was in the one
before, the engine returns what both make, and of rows that are shown nothing what the image maker makes alone, to the bit.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from engines.engine import Engine, Row
from engines.errors import EngineError
from engines.families.affine import AffineGraph
from engines.families.export import write_graphs
from engines.families.modules import GraphModules
from engines.families.painter.modules import DecodeGraph, EncodeGraph
from engines.graphs import ports
from engines.openvino_engine import OpenVinoEngine
from engines.options import OpenVinoOptions
from engines.pytorch.reference import TorchEngine
from engines.student import Control, Student
from engines.students import load_student
from tests.engines.oracle.files import write_tokenizers

SIDE, CELLS, SIZE = 32, 8, 4
OPTIONS = OpenVinoOptions("fp32", threads=1)
Pixels = NDArray[np.uint8]


class Words(nn.Module):
    """A conditioning that nobody reads."""

    def forward(self, ids: Tensor) -> Tensor:
        return F.pad(ids[:, :, None].to(torch.float32), (0, 3, 0, 266))


class Maker(AffineGraph):
    """The image maker: half of what it is given, and a quarter of the time."""

    def made(self, x: Tensor, t: Tensor) -> Tensor:
        return 0.5 * x + 0.25 * t[:, None, None, None]

    def predict(self, x: Tensor, t: Tensor, conditioning: Tensor, w: Tensor | None) -> Tensor:
        return self.made(x, t)


class Shown(Maker):
    """The same, with half of a picture added as much as its scale says."""

    def forward(  # type: ignore[override]
        self, x: Tensor, t: Tensor, conditioning: Tensor, A: Tensor, B: Tensor, alpha_next: Tensor, sigma_next: Tensor,
        noise_next: Tensor, control: Tensor, scale: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
        seen = F.pixel_unshuffle(control[:, 0].permute(0, 3, 1, 2).to(torch.float32) / 256, SIDE // CELLS)
        # as a network of a student's does, it sees what is painted, too
        shown = scale[:, :, None, None] * (0.5 * seen + 0.0 * x)
        return *self.step(x, self.made(x, t) + shown, A, B, alpha_next, sigma_next, noise_next), shown


def _student(folder: Path, shown: bool) -> Student:
    painter = load_student("painter")
    return replace(
        painter, width=SIDE, height=SIDE, latent_shape=(48, CELLS, CELLS), text_shape=(2 + 266, 4), graphs=folder,
        controls=(Control("lines", "lines"),) if shown else (),
    )  # fmt: skip


def _write(folder: Path, student: Student, denoise: AffineGraph) -> Student:
    write_tokenizers(folder)
    write_graphs(ports(student), _modules(denoise), folder, print, "maker")
    return student


def _modules(denoise: AffineGraph) -> GraphModules:
    return GraphModules(Words(), EncodeGraph(), denoise, DecodeGraph())


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    folder = tmp_path_factory.mktemp("plain")
    made = OpenVinoEngine(_write(folder, _student(folder, False), Maker()), (SIZE,), folder / "cache", OPTIONS)
    yield made
    made.close()


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory) -> Student:
    folder = tmp_path_factory.mktemp("shown")
    return _write(folder, _student(folder, True), Shown())


@pytest.fixture(scope="module", params=["openvino", "kept by openvino", "torch"])
def engine(request: pytest.FixtureRequest, student: Student) -> Iterator[Engine]:
    """With a control: compiled, read back from what was compiled, and the reference."""
    assert student.graphs is not None
    made: Engine
    if request.param == "torch":
        made = TorchEngine(student, (SIZE,), modules=_modules(Shown()))
    else:
        made = OpenVinoEngine(student, (SIZE,), student.graphs / "cache", OPTIONS)
    yield made
    made.close()


def _row(engine: Engine, job: int, picture: Any, scale: float | None, still: bool = False) -> Row:
    """A job that is shown a picture at a scale; None: it is shown nothing."""
    contract = engine.student.contract
    (step,) = contract.still() if still else contract.repaint(0.5)
    told = {} if scale is None else {"control": picture(job + 50, SIDE, SIDE)[None], "scale": np.array([scale], np.float32)}
    image = None if still else picture(job, SIDE, SIDE)
    return Row(job, 0, step, True, engine.condition(""), job, image, inputs=told)


def _paint(engine: Engine, *rows: Row) -> list[Pixels]:
    painted = engine.tick(rows)
    assert [one.error for one in painted] == [None] * len(rows)
    return [one.image for one in painted if one.image is not None]


def _wanted(row: Row) -> NDArray[np.float64]:
    """What both make of a repainting, in levels."""
    assert row.image is not None
    made = 0.5 * (row.image / 127.5 - 1) + 0.25 * row.step.t
    if row.inputs:
        made = made + float(row.inputs["scale"][0]) * 0.5 * row.inputs["control"][0] / 256
    return np.asarray(np.clip(made * 127.5 + 127.5, 0, 255))


def test_each_as_it_is_shown(engine: Engine, picture: Any) -> None:
    """Alone and in mixed ticks, each row is what the image maker and as much of the control as its scale says make of it."""
    rows = [_row(engine, job, picture, scale) for job, scale in enumerate((1.0, None, 0.25, 0.0))]
    alone = [_paint(engine, row)[0] for row in rows]
    together = _paint(engine, *rows)
    for row, one, other in zip(rows, alone, together, strict=True):
        assert np.abs(other - _wanted(row)).max() <= 0.51
        assert np.array_equal(one, other)
    assert not np.array_equal(together[0], _paint(engine, replace(rows[0], inputs={}))[0])


def test_who_is_shown_nothing_is_painted_as_without(engine: Engine, plain: Engine, picture: Any) -> None:
    """Rows with scale 0 or nothing are, to the bit, those of a student without controls: beside others that are shown
    something, after them, and in smaller ticks."""
    for still in (False, True):
        rows = [_row(engine, job, picture, scale, still) for job, scale in enumerate((None, 0.0, 0.0))]
        (wanted,) = [_paint(plain, *(replace(row, inputs={}) for row in rows))]
        seeing = _row(engine, 9, picture, 2.0, still)
        beside = _paint(engine, seeing, *rows)[1:]
        after, again = _paint(engine, *rows), _paint(engine, rows[0])
        for got in (beside, after, [*again, *after[1:]]):
            assert all(np.array_equal(one, other) for one, other in zip(got, wanted, strict=True))


def test_a_row_that_is_wrong_harms_no_other(engine: Engine, picture: Any) -> None:
    """A row whose picture for the control has another shape fails alone."""
    good, bad = _row(engine, 1, picture, 1.0), _row(engine, 2, picture, 1.0)
    bad = replace(bad, inputs={**bad.inputs, "control": bad.inputs["control"][:, 1:]})
    first, second = engine.tick([bad, good])
    assert first.error is not None
    assert "the control has shape" in first.error
    assert second.image is not None
    assert np.array_equal(second.image, _paint(engine, good)[0])


def test_graphs_without_what_the_file_states(plain: Engine, tmp_path: Path) -> None:
    """A student whose file has a control and whose graphs have none is refused, with what to do."""
    assert plain.student.graphs is not None
    with pytest.raises(EngineError, match=r"painter has controls by its file, and none in its graphs: build it again"):
        OpenVinoEngine(_student(plain.student.graphs, True), (SIZE,), tmp_path, OPTIONS)
