"""Eyes: what a control network is shown of a frame, knob by knob, and what becomes of a network that is none."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from engines.errors import EngineError
from engines.student import PICTURE, Control, Student
from server.eyes import EYES, EyeFailed, Eyes, knobs_of

Pixels = NDArray[np.uint8]
EDGES = ("canny", "lines", "soft")


def _looked(eye: str, pixels: Pixels, **knobs: float) -> Pixels:
    told = {name: knob.default for name, knob in EYES[eye].knobs.items()}
    return EYES[eye].see(pixels, told | knobs)


@pytest.fixture
def square() -> Pixels:
    """A light square on dark ground."""
    pixels = np.full((64, 96, 3), 40, np.uint8)
    pixels[16:48, 24:72] = (220, 200, 180)
    return pixels


@pytest.mark.parametrize("eye", EYES)
def test_what_all_give(eye: str, picture: Any) -> None:
    """A picture of the frame's size, the same each time; the frame is left alone."""
    frame = picture(1, 96, 64)
    before = frame.copy()
    seen = _looked(eye, frame)
    assert (seen.dtype, seen.shape) == (np.uint8, frame.shape)
    np.testing.assert_array_equal(seen, _looked(eye, frame))
    np.testing.assert_array_equal(frame, before)
    assert not np.shares_memory(seen, frame)


@pytest.mark.parametrize("eye", EDGES)
def test_edges(eye: str, square: Pixels) -> None:
    """Edges are white on black, where the edges are and nowhere else."""
    seen = _looked(eye, square)
    assert (seen[..., 0] == seen[..., 2]).all()
    assert seen[14:18, 30:60].max() > 200
    assert not seen[28:36, 40:56].any()
    assert not seen[:6].any()


@pytest.mark.parametrize(
    ("eye", "less", "more"),
    [
        ("canny", {"low": 900, "high": 1000}, {"low": 20, "high": 40}),
        ("lines", {"gain": 2}, {"gain": 40}),
        ("lines", {"width": 0.5}, {"width": 6}),
        ("soft", {"gain": 1}, {"gain": 30}),
        ("soft", {"width": 0}, {"width": 8}),
    ],
    ids=str,
)
def test_knobs_of_edges(eye: str, less: dict[str, float], more: dict[str, float], square: Pixels) -> None:
    """Each knob says how much is seen."""
    faint = (square.astype(int) // 2 + 60).astype(np.uint8)
    assert np.count_nonzero(_looked(eye, faint, **more) > 20) > np.count_nonzero(_looked(eye, faint, **less) > 20)


def test_canny_takes_its_thresholds_in_any_order(square: Pixels) -> None:
    """The lower one is the lower one."""
    np.testing.assert_array_equal(_looked("canny", square, low=200, high=100), _looked("canny", square, low=100, high=200))


def test_colours(picture: Any) -> None:
    """Grey is grey, a palette is squares of the mean colour, and a tile is the frame, or a blur of it."""
    frame = picture(2, 64, 64)
    grey, palette = _looked("grey", frame), _looked("palette", frame, cell=32)
    assert (grey.max(2) == grey.min(2)).all()
    np.testing.assert_allclose(palette[5, 5], frame[:32, :32].mean((0, 1)), atol=1)
    assert (palette[:32, 32:] == palette[0, 63]).all()
    np.testing.assert_array_equal(_looked("tile", frame), frame)
    assert _looked("tile", frame, blur=4).std() < frame.std()


# of a student ---------------------------------------------------------------------------------------------------------


def _student(student: Student, *eyes: str) -> Student:
    return replace(student, controls=tuple(Control(f"c{at}", eye) for at, eye in enumerate(eyes)))


def test_what_a_row_is_told(student: Student, picture: Any) -> None:
    """Each control that looks has its picture and its scale, and the others nothing."""
    eyes = Eyes(_student(student, "canny", "grey", "palette"), {})
    image, told, shown = eyes.see(picture(1), (("c2", 0.5, (("cell", 16.0),)), ("c1", 1.5, ())))
    np.testing.assert_array_equal(told["scale"], np.array([0, 1.5, 0.5], np.float32))
    assert not told["control"][0].any()
    grey, palette = _looked("grey", picture(1)), _looked("palette", picture(1), cell=16)
    for got, expected in ((told["control"][1], grey), (told["control"][2], palette), (shown, np.maximum(grey, palette))):
        np.testing.assert_array_equal(got, expected)
    np.testing.assert_array_equal(image, picture(1))


@pytest.mark.parametrize("controlled", [False, True])
def test_the_picture_itself(student: Student, picture: Any, controlled: bool) -> None:
    """The eye of a student that takes the picture itself makes that, where it looks; controls see the frame."""
    seeing = replace(_student(student, *(["grey"] if controlled else [])), eye=Control(PICTURE, "ink"))
    looks = (("c0", 1.0, ()),) if controlled else ()
    ink = np.where(picture(1) < 90, 255, 0)
    seen = Eyes(seeing, {}).see(picture(1), ((PICTURE, 1.0, (("level", 90.0),)), *looks))
    np.testing.assert_array_equal(seen.image, ink)
    np.testing.assert_array_equal(seen.shown, np.maximum(ink, _looked("grey", picture(1))) if controlled else ink)
    assert list(seen.inputs) == (["control", "scale"] if controlled else [])
    for as_is in (((PICTURE, 1.0, (("as_is", 1.0),)),), looks):
        np.testing.assert_array_equal(Eyes(seeing, {}).see(picture(1), as_is).image, picture(1))


def test_an_eye_too_few(student: Student, tmp_path: Path) -> None:
    """A control whose eye is neither ours nor a network is refused at once, with what would be one."""
    with pytest.raises(EngineError, match=r"an eye called depth sees, and there is none: give --eye depth=FILE.onnx, or state"):
        Eyes(_student(student, "depth"), {})
    with pytest.raises(EngineError, match="--eye depth: there is no file"):
        Eyes(_student(student, "depth"), {"depth": tmp_path / "none.onnx"})


# networks -------------------------------------------------------------------------------------------------------------

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """`write(op, given, gives)`: an ONNX file of one operator on float32 of these shapes, or on bytes."""
    onnx = pytest.importorskip("onnx")

    def written(op: str, given: list[Any], gives: list[Any], kind: int = 1, **how: Any) -> Path:
        ports = [onnx.helper.make_tensor_value_info(name, kind, shape) for name, shape in (("in", given), ("out", gives))]
        graph = onnx.helper.make_graph([onnx.helper.make_node(op, ["in"], ["out"], **how)], "eye", ports[:1], ports[1:])
        path = tmp_path / f"{op}-{kind}.onnx"
        onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8), path)
        return path

    return written


def _seen_by(student: Student, path: Path, frame: Pixels) -> Pixels:
    eyes = Eyes(_student(student, "depth"), {"depth": path})
    eyes.open()
    picture: Pixels = eyes.see(frame, (("c0", 1.0, ()),)).inputs["control"][0]
    return picture


@pytest.mark.parametrize("sides", [("h", "w"), (64, 32)], ids=["open", "fixed"])
def test_one_plane(student: Student, write: Write, picture: Any, sides: Any) -> None:
    """A network that gives one plane is shown from its least to its most, at the frame's size, whatever its own is."""
    path = write("ReduceMean", ["n", 3, *sides], ["n", 1, *sides], axes=[1])
    frame = picture(3)
    seen = _seen_by(student, path, frame)
    assert seen.shape == frame.shape
    assert (seen.max(2) == seen.min(2)).all()
    assert (int(seen.min()) < 16, int(seen.max()) > 239) == (True, True)
    assert np.corrcoef(seen[..., 0].ravel(), frame.mean(2).ravel())[0, 1] > 0.95


def test_colours_of_a_network(student: Student, write: Write, picture: Any) -> None:
    """A network that gives colours in 0..1 is shown as it is; one of bytes is given bytes, and gives them."""
    frame = picture(3)
    assert _seen_by(student, write("Sigmoid", [1, 3, 64, 64], [1, 3, 64, 64]), frame).std() > 5
    bytes_ = _seen_by(student, write("Identity", [1, "h", "w", 3], [1, "h", "w", 3], kind=2), frame)
    assert float(np.abs(bytes_.astype(int) - frame).mean()) < 8


@pytest.mark.parametrize(
    ("given", "gives", "op", "how", "complaint"),
    [
        (
            [1, 4, 64, 64],
            [1, 4, 64, 64],
            "Identity",
            {},
            r"takes \[1,4,64,64\], not \[1, 3, h, w\]",
        ),
        ([2, 3, 64, 64], [2, 3, 64, 64], "Identity", {}, "no network for one picture"),
        ([1, 3, 64, 64], [1, 12288], "Flatten", {}, r"gives \[1, 12288\], which is no picture"),
    ],
    ids=["channels", "batch", "flat"],
)
def test_no_eye(student: Student, write: Write, given: Any, gives: Any, op: str, how: Any, complaint: str) -> None:
    """A network that takes or gives something else than a picture is refused at the start, by its shape."""
    with pytest.raises(EngineError, match=complaint):
        Eyes(_student(student, "depth"), {"depth": write(op, given, gives, **how)}).open()


def test_no_file_of_a_network(student: Student, tmp_path: Path) -> None:
    """A file that is no network is said to be none."""
    path = tmp_path / "depth.onnx"
    path.write_bytes(b"no network")
    with pytest.raises(EngineError, match=r"the eye depth .*cannot be read .*give an ONNX network of one input"):
        Eyes(_student(student, "depth"), {"depth": path})


def test_not_a_number(student: Student, write: Write, picture: Any) -> None:
    """A network that comes to nothing for a frame fails that frame."""
    for op, channels, how in (("Log", 3, {}), ("ReduceLogSum", 1, {"axes": [1]})):
        path = write(op, [1, 3, 64, 64], [1, channels, 64, 64], **how)
        eyes = Eyes(_student(student, "depth"), {"depth": path})
        with pytest.raises(EyeFailed, match="not a number"):
            eyes.see(np.zeros_like(picture(1)), (("c0", 1.0, ()),))


def test_what_may_be_set() -> None:
    """Networks have no knobs; a knob's default lies within its bounds."""
    assert not knobs_of("depth")
    for eye in EYES:
        assert all(knob.least <= knob.default <= knob.most for knob in knobs_of(eye).values())
