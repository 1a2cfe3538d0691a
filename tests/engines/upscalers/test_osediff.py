"""OSEDiff: whole pictures as its authors' code makes them, in one tile and in several, and what is no OSEDiff."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from engines.choices import Choices
from engines.errors import EngineError
from engines.options import EngineOptions, OpenVinoOptions, ReferenceOptions
from engines.prepare import chosen
from engines.student import Student, Upscaler
from engines.tensorrt.build.plans import write_typed
from engines.tensorrt.flavour import find_flavour, make_logger
from engines.upscalers import Enlargement, osediff
from engines.upscalers.enlarger import Enlarger, bicubic
from engines.upscalers.files import GRAPH
from engines.upscalers.opening import Place, open_enlarger
from engines.upscalers.reference import TorchEnlarger
from engines.upscalers.tiles import Canvas
from tests.engines.families.stable_diffusion import published

from . import osediff_files

SIDE, PROMPT, GREY_LEVELS = 64, "red, clean", 2
OPTIONS: dict[str, EngineOptions] = {"openvino": OpenVinoOptions("fp32", threads=1), "torch": ReferenceOptions()}
Pixels = NDArray[np.uint8]


class _Made:
    """A pipeline with OSEDiff's file beside it, and what enlarges by it, opened once for each way of colours."""

    def __init__(self, folder: Path, cache: Path, student: Student) -> None:
        self.folder, self.cache, self._student = folder, cache, student
        self.networks = osediff_files.write(folder)
        self._open: dict[tuple[str, str], Enlarger] = {}

    def upscaler(self, **more: Any) -> Upscaler:
        student = chosen(self._student, Choices(upscaler=("osediff", str(self.folder))))
        assert student.upscaler is not None
        return replace(student.upscaler, prompt=PROMPT, **more)

    def enlarger(self, engine: str, colours: str = "adain") -> Enlarger:
        if (engine, colours) not in self._open:
            student = replace(self._student, width=SIDE, height=SIDE, upscaler=self.upscaler())
            self._open[engine, colours] = made = open_enlarger(student, Place(engine, OPTIONS[engine], self.cache))
            if isinstance(made, TorchEnlarger):  # what is exported is the same but for the end: once is enough
                module: Any = made._module
                module.colours = colours
        return self._open[engine, colours]

    def theirs(self, source: Pixels, colours: str) -> Pixels:
        return osediff_files.paint(self.networks, self.folder, Image.fromarray(source), PROMPT, colours)


@pytest.fixture(scope="module")
def made(student: Student, tmp_path_factory: pytest.TempPathFactory) -> _Made:
    """OSEDiff over a small Stable Diffusion 2.1."""
    return _Made(tmp_path_factory.mktemp("osediff"), tmp_path_factory.mktemp("cache"), student)


@pytest.fixture
def small(picture: Callable[..., Pixels]) -> Pixels:
    """A picture as a student paints it."""
    return picture(3, SIDE, SIDE)


def _enlarged(enlarger: Enlarger, picture: Pixels, scale: int) -> Pixels:
    enlargement = Enlargement(enlarger, picture, scale)
    while not enlargement.done:
        enlargement.step()
    return enlargement.picture()


@pytest.mark.parametrize(("engine", "colours"), [
    ("openvino", "adain"), ("torch", "adain"), ("torch", "wavelet"), ("torch", "none"),
])  # fmt: skip
def test_as_its_authors_have_it(made: _Made, small: Pixels, engine: str, colours: str) -> None:
    """A picture twice as large is what the authors' code makes of it, whichever way its colours are given back."""
    ours = _enlarged(made.enlarger(engine, colours), small, 2)
    theirs = made.theirs(bicubic(small, 2), colours)
    assert ours.shape == (2 * SIDE, 2 * SIDE, 3)
    assert theirs.std() > 10
    assert np.abs(ours.astype(int) - theirs).max() <= GREY_LEVELS


def test_in_tiles(made: _Made, small: Pixels) -> None:
    """Four times as large it is made in tiles, each as the authors' code makes that part, put together by their weights."""
    enlarger = made.enlarger("torch")
    source, tiling = bicubic(small, 4), enlarger.shape.tiling(SIDE, SIDE, 4)
    assert len(tiling.corners()) == 9
    canvas = Canvas(tiling)
    for tile in tiling.cut(source):
        canvas.put(made.theirs(tile, "adain"))
    ours = _enlarged(enlarger, small, 4)
    assert ours.shape == (4 * SIDE, 4 * SIDE, 3)
    assert np.abs(ours.astype(int) - canvas.picture()).max() <= GREY_LEVELS


def test_it_is_built_once(made: _Made, student: Student, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another start, by another library, finds the graph and builds nothing; another prompt is another build."""
    made.enlarger("openvino")
    said: list[str] = []
    of = replace(student, width=SIDE, height=SIDE, upscaler=made.upscaler())
    open_enlarger(of, Place("torch", OPTIONS["torch"], made.cache), said.append).close()
    assert said == ["compiling the upscaler osediff"]

    def build(*_: Any) -> None:
        raise EngineError("it is built")

    monkeypatch.setattr(osediff, "build", build)
    another = replace(of, upscaler=replace(made.upscaler(), prompt="another"))
    with pytest.raises(EngineError, match="it is built"):
        open_enlarger(another, Place("torch", OPTIONS["torch"], made.cache))


def test_tensorrt_takes_it(made: _Made, tmp_path: Path) -> None:
    """TensorRT-RTX reads the exported graph, typed as it is built: a kind of number that it has not would be refused."""
    try:
        flavour = find_flavour("tensorrt_rtx")
    except EngineError as missing:
        pytest.skip(f"no plans are built: {missing}")
    made.enlarger("openvino")
    [graph] = made.cache.glob(f"graphs/*/{GRAPH}")
    typed = tmp_path / GRAPH
    write_typed(graph, typed, "fp16", "the graph")
    trt, logger = flavour.module, make_logger(flavour)
    builder = trt.Builder(logger)
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    assert trt.OnnxParser(network, logger).parse_from_file(str(typed)), logger.errors


def _broken(folder: Path, tmp_path: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    file = torch.load(folder / "osediff.pkl", weights_only=True)
    change(file)
    torch.save(file, tmp_path / "osediff.pkl")
    return tmp_path / "osediff.pkl"


def test_what_is_no_osediff(made: _Made, student: Student, tmp_path: Path) -> None:
    """Another base, other files and damaged ones are refused by name, with what to do."""
    layer = next(iter(torch.load(made.folder / "osediff.pkl", weights_only=True)["state_dict_unet"]))
    weights: Any = made.upscaler().weights
    half = {"down_blocks.9.lora_A.a.weight": torch.ones(4, 1)}
    changes: list[tuple[Callable[[dict[str, Any]], object], str]] = [
        (lambda file: file.pop("state_dict_vae"), "no file of OSEDiff's"),
        (lambda file: file.update(rank_unet=8), "rank_unet is 8"),
        (lambda file: file["state_dict_unet"].update({layer: "text"}), "is no tensor"),
        (lambda file: file["state_dict_unet"].update(half), "lacks a half"),
        (lambda file: file["state_dict_unet"].update({"down_blocks.9.weight": torch.ones(1)}), "made for another base"),
    ]
    here = Place("openvino", OPTIONS["openvino"], tmp_path)
    for at, (change, why) in enumerate(changes):
        (tmp_path / str(at)).mkdir()
        file = _broken(made.folder, tmp_path / str(at), change)
        upscaler = replace(made.upscaler(), weights=replace(weights, file=replace(weights.file, path=file.parent)))
        with pytest.raises(EngineError, match=why):
            open_enlarger(replace(student, upscaler=upscaler), here)
    published.write_pipeline(tmp_path / "sdxl", "sdxl")
    for base, why in (("none", "there is no"), ("sdxl", "Stable Diffusion")):
        other = replace(made.upscaler(), weights=replace(weights, base=replace(weights.base, path=tmp_path / base)))
        with pytest.raises(EngineError, match=why):
            open_enlarger(replace(student, upscaler=other), here)
