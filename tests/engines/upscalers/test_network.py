"""Upscalers that are graphs of anybody's: pixels of pixels, by how many times larger they make them, and what is none."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper

from engines.choices import Choices
from engines.errors import EngineError
from engines.onnx_files import compile_graph
from engines.options import EngineOptions, FakeOptions, OpenVinoOptions, ReferenceOptions, TensorRtOptions
from engines.prepare import chosen
from engines.student import Student
from engines.tensorrt.flavour import find_flavour
from engines.upscalers import Enlargement
from engines.upscalers.enlarger import Enlarger, bicubic
from engines.upscalers.files import GRAPH
from engines.upscalers.opening import Place, open_enlarger
from engines.upscalers.plans import build_plan
from engines.upscalers.prepare import prepare_upscaler
from engines.upscalers.wrapping import wrap

Pixels = NDArray[np.uint8]
OPEN = ("n", 3, "h", "w")


def write(
    path: Path, scale: float = 2, shape: tuple[Any, ...] = OPEN, kind: int = TensorProto.FLOAT, inputs: int = 1, rank: int = 4
) -> Path:
    """A graph that repeats each pixel `scale` times, and makes what it sees brighter by a half of a level."""
    given = [helper.make_tensor_value_info(f"in{at}", kind, shape) for at in range(inputs)]
    made = helper.make_tensor_value_info("out", kind, ("n", "c", "H", "W")[:rank])
    half = helper.make_tensor("half", kind, [], [0.5 / 255])
    sizes = helper.make_tensor("sizes", TensorProto.FLOAT, [4], [1, 1, scale, scale])
    nodes = [
        helper.make_node("Resize", ["in0", "", "sizes"], ["large"], mode="nearest", nearest_mode="floor",
                         coordinate_transformation_mode="asymmetric"),
        helper.make_node("Add", ["large", "half"], ["out" if rank == 4 else "sum"]),
    ]  # fmt: skip
    if rank != 4:
        nodes.append(helper.make_node("ReduceMean", ["sum"], ["out"], axes=[1], keepdims=0))
    graph = helper.make_graph(nodes, "g", given, [made], [half, sizes])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def _open(student: Student, place: Path, options: EngineOptions | None = None, **more: Any) -> Enlarger:
    student = chosen(student, Choices(upscaler=("mine", str(place))))
    assert student.upscaler is not None
    student = replace(student, upscaler=replace(student.upscaler, **more))
    return open_enlarger(student, Place("any", options or OpenVinoOptions("fp32", threads=1), place.parent))


def _enlarged(enlarger: Enlarger, picture: Pixels, scale: int) -> Pixels:
    enlargement = Enlargement(enlarger, picture, scale)
    while not enlargement.done:
        enlargement.step()
    return enlargement.picture()


@pytest.mark.parametrize(("scale", "shape", "kind", "tile"), [
    (2, OPEN, TensorProto.FLOAT, 768),
    (2, (1, 3, 64, 64), TensorProto.FLOAT, 256),
    (4, OPEN, TensorProto.FLOAT16, 512),
])  # fmt: skip
def test_a_graph(
    student: Student, tmp_path: Path, picture: Callable[..., Pixels], scale: int, shape: Any, kind: int, tile: int
) -> None:
    """Its scale is read off it, whatever sides it was exported for, in half precision too; whole pictures and tiles alike."""
    enlarger = _open(student, write(tmp_path / "up.onnx", scale, shape, kind), tile=tile, overlap=64)
    assert enlarger.shape.scales == (scale,)
    bright = picture(1).clip(0, 254)
    made = _enlarged(enlarger, bright, scale)
    expected = bright.repeat(scale, 0).repeat(scale, 1).astype(int)
    assert made.shape == (scale * 256, scale * 256, 3)
    off = made - expected  # a half of a level is rounded either way
    assert (off.min(), off.max()) in ((0, 1), (0, 0), (1, 1))


def test_another_scale(student: Student, tmp_path: Path, picture: Callable[..., Pixels]) -> None:
    """It is asked for its own scale alone."""
    with pytest.raises(ValueError, match="2 times larger here, not 4"):
        Enlargement(_open(student, write(tmp_path / "up.onnx")), picture(), 4)


def test_what_is_no_upscaler(student: Student, tmp_path: Path) -> None:
    """Graphs of other shapes, files that are none, and engines that run none, are refused by name with what to do."""
    for name, more, why in (
        ("three", {"scale": 3}, "makes pictures 3 times larger, not 2 or 4: give another"),
        ("same", {"scale": 1}, "1 times larger"),
        ("odd", {"scale": 1.5}, "no picture so many times larger"),
        ("two", {"inputs": 2}, "it takes 2 and gives 1"),
        ("flat", {"rank": 3}, "makes one picture of one"),
        ("grey", {"shape": ("n", 1, "h", "w")}, "takes 1 colours, and pictures have 3"),
    ):
        with pytest.raises(EngineError, match=f"the upscaler mine.*{why}"):
            _open(student, write(tmp_path / f"{name}.onnx", **more))  # type: ignore[arg-type]
    (tmp_path / "text.onnx").write_text("no graph")
    with pytest.raises(EngineError, match=r"text\.onnx is no graph that can be read"):
        _open(student, tmp_path / "text.onnx")
    with pytest.raises(EngineError, match=r"there is no .*none\.onnx"):
        _open(student, tmp_path / "none.onnx")
    with pytest.raises(EngineError, match="runs on the engines openvino and tensorrt"):
        _open(student, tmp_path / "two.onnx", ReferenceOptions())
    for place in (tmp_path, tmp_path / "up.zip"):
        with pytest.raises(EngineError, match="--upscaler: mine: an upscaler is a graph"):
            _open(student, place)


def test_the_fake_one(student: Student, tmp_path: Path, picture: Callable[..., Pixels]) -> None:
    """The fake engine enlarges by interpolation, in tiles as any other does, and needs no file."""
    enlarger = _open(student, tmp_path / "nowhere.onnx", FakeOptions())
    for scale in (2, 4):
        np.testing.assert_array_equal(_enlarged(enlarger, picture(), scale), bicubic(picture(), scale))


def test_for_tensorrt(student: Student, tmp_path: Path, picture: Callable[..., Pixels]) -> None:
    """The graph is written with bytes around it, once, and a plan of TensorRT-RTX's is built of that; half precision and old
    opsets are refused with what would do."""
    small = replace(student, width=64, height=32)
    one = chosen(small, Choices(upscaler=("mine", str(write(tmp_path / "up.onnx"))))).upscaler
    assert one is not None
    said: list[str] = []
    folder, shape = prepare_upscaler(one, small, tmp_path / "cache", said.append)
    assert (shape.across, shape.down, shape.ratio) == (64, 32, 2)
    assert prepare_upscaler(one, small, tmp_path / "cache", said.append)[0] == folder
    assert len(said) == 1
    tile = picture(1, 64, 32).clip(0, 254)
    [made] = compile_graph(folder / GRAPH, 1)({"pixels": tile[None]})
    off = made[0] - tile.repeat(2, 0).repeat(2, 1).astype(int)
    assert made.dtype == np.uint8
    assert (off.min(), off.max()) in ((0, 1), (0, 0), (1, 1))
    half = write(tmp_path / "half.onnx", kind=TensorProto.FLOAT16)
    with pytest.raises(EngineError, match="export it in float32, of opset 11"):
        wrap(half, tmp_path / "wrapped.onnx", 64, 32, "it")
    try:
        flavour = find_flavour("tensorrt_rtx")
    except EngineError as missing:
        pytest.skip(f"no plans are built: {missing}")
    plan = build_plan("mine", folder, shape, (tmp_path / "cache",), ("sm89",), TensorRtOptions(), flavour, said.append)
    assert (plan / "upscale.plan").stat().st_size > 0
