"""A family is one value in a table, and an input of its own one line of it: neither is known anywhere else."""

import tomllib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engines.choices import Choices
from engines.engine import Engine, Painted, Row
from engines.errors import EngineError
from engines.families import FAMILIES, find_family
from engines.gpu.engine import GpuEngine
from engines.graphs import ports
from engines.openvino_engine import OpenVinoEngine
from engines.options import OpenVinoOptions, TorchOptions
from engines.prepare import prepare
from engines.pytorch.modules import read_modules
from engines.pytorch.reference import TorchEngine
from engines.student import Student
from engines.students import BadStudent, parse_student
from engines.tokens import Tokens
from tests.engines.families.small import FILE, SMALL
from tests.engines.gpu.double import CudaDouble
from tests.engines.pytorch.onhost import DeferredNetworks

SIZES = (1, 3)


@pytest.fixture(scope="module")
def masked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Student]:
    """The student of a family that is registered here and nowhere else, built from its file."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(FAMILIES, "small", SMALL)
        student = parse_student(tomllib.loads(FILE), Path())
        yield prepare(student, tmp_path_factory.mktemp("cache"), Choices(), lambda doing: None)


def _on_openvino(student: Student, cache: Path) -> Engine:
    return OpenVinoEngine(student, SIZES, cache, OpenVinoOptions("fp32", 1))


def _on_torch(student: Student, cache: Path) -> Engine:
    return TorchEngine(student, SIZES)


def _on_a_gpu(student: Student, cache: Path) -> Engine:
    double = CudaDouble()
    networks = DeferredNetworks(double, student, TorchOptions("fp32", compile=False))
    return GpuEngine(student, SIZES, networks, double, Tokens(student))


@pytest.fixture(params=[_on_openvino, _on_torch, _on_a_gpu])
def engine(request: pytest.FixtureRequest, masked: Student, tmp_path: Path) -> Iterator[Engine]:
    made: Callable[[Student, Path], Engine] = request.param
    engine = made(masked, tmp_path)
    engine.warm_up()
    yield engine
    engine.close()


def _row(engine: Engine, job: int, seed: int = 1, **inputs: Any) -> Row:
    student = engine.student
    picture = np.random.default_rng(seed).integers(0, 256, (student.height, student.width, 3), dtype=np.uint8)
    step = student.contract.repaint(0.4)[0]
    return Row(job, 0, step, True, engine.condition("red blue"), seed, picture, inputs=inputs)


def _mask(student: Student) -> np.ndarray[Any, np.dtype[np.float32]]:
    mask = np.zeros((1, *student.latent_shape[1:]), np.float32)
    mask[:, :, : mask.shape[2] // 2] = 1
    return mask


def _image(painted: Painted) -> np.ndarray[Any, np.dtype[np.int16]]:
    assert painted.image is not None, painted.error
    return painted.image.astype(np.int16)


def test_a_port_is_declared_once(masked: Student) -> None:
    """Its line is all there is to know of it."""
    assert ports(masked)["denoise"]["mask"].shape == (1, 6, 8)
    assert masked.weights is not None
    assert masked.weights.described() == {"seed": 5}


def test_a_new_input_counts(engine: Engine, masked: Student) -> None:
    """The mask reaches the network on every engine: what it leaves out is as it was, to the bit."""
    alone = _image(engine.tick([_row(engine, 1)])[0])
    given = _image(engine.tick([_row(engine, 2, mask=_mask(masked))])[0])
    half = masked.width // 2
    assert np.abs(given[:, :half] - alone[:, :half]).mean() > 3
    assert np.array_equal(given[:, half:], alone[:, half:])


def test_rows_with_and_without_it_share_a_tick(engine: Engine, masked: Student) -> None:
    """A row that does not use an optional input is painted as if nobody did."""
    alone = [_image(engine.tick([_row(engine, 1, seed)])[0]) for seed in (1, 3)]
    first, second, third = engine.tick([_row(engine, 4, 1), _row(engine, 5, 2, mask=_mask(masked)), _row(engine, 6, 3)])
    assert second.image is not None
    for together, apart in zip((first, third), alone, strict=True):
        assert np.abs(_image(together) - apart).max() <= 1


def test_engines_agree(masked: Student, tmp_path: Path) -> None:
    """OpenVINO, torch and the GPU's runtime make the same of it."""
    pictures = []
    for made in (_on_openvino, _on_torch, _on_a_gpu):
        engine = made(masked, tmp_path)
        engine.warm_up()
        pictures.append(_image(engine.tick([_row(engine, 1, mask=_mask(masked)), _row(engine, 2)])[0]))
        engine.close()
    for other in pictures[1:]:
        assert np.abs(other - pictures[0]).max() <= 2


def test_a_mask_of_another_shape(engine: Engine, masked: Student) -> None:
    """It is that row's error, and no other's."""
    wrong, right = engine.tick([_row(engine, 1, mask=np.zeros((1, 2, 2), np.float32)), _row(engine, 2)])
    assert wrong.error == "the mask has shape (1, 2, 2), not (1, 6, 8)"
    assert right.image is not None


def test_unknown_family() -> None:
    """A family that is not there is refused with those that are."""
    with pytest.raises(ValueError, match=r"unknown architecture 'sd9'; known: embedded, painter, sd15"):
        find_family("sd9")
    with pytest.raises(BadStudent, match="unknown architecture 'sd9'"):
        parse_student(tomllib.loads(FILE.replace('"small"', '"sd9"')), Path())


def test_what_a_family_cannot_build(masked: Student, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Networks that are not whole any more say how to make them again."""
    assert masked.graphs is not None
    for path in masked.graphs.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "denoise.onnx").unlink()
    with pytest.raises(EngineError, match=r"are not whole .*: delete .* and build it again"):
        read_modules(replace(masked, graphs=tmp_path))
