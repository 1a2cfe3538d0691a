"""Students are data: what a file may say, and what is wrong with it."""

from pathlib import Path
from typing import Any

import pytest

from engines.student import STUDENTS, UnknownStudent, load_student, parse_student, student_names


def _data() -> dict[str, Any]:
    return {
        "name": "tiny", "title": "A tiny one", "licence": "MIT", "graphs": "tiny",
        "image": {"width": 64, "height": 48, "latent_shape": [4, 6, 8]}, "text": {"shape": [7, 16]},
        "contract": {"family": "flow-preconditioned", "still_times": [1, 0.5]},
    }  # fmt: skip


@pytest.mark.parametrize("name", student_names())
def test_every_student_loads(name: str) -> None:
    """Each file in the folder is whole: its name is its own, its graphs exist and its contract makes a still."""
    student = load_student(name)
    assert student.name == name
    assert student.contract.still()
    assert student.title
    assert student.licence
    assert {path.name for path in student.graphs.iterdir()} >= {"text.onnx", "encode.onnx", "denoise.onnx", "decode.onnx"}


def test_the_student_that_ships() -> None:
    """The embedded student repaints, and its styles are told."""
    student = load_student("embedded")
    assert student.img2img
    assert "watercolor" in student.styles
    assert student.graphs == STUDENTS / "embedded"


@pytest.mark.parametrize("name", ["", "nobody", "../embedded", "embedded.toml", "*"])
def test_unknown(name: str) -> None:
    """A name that is not there, or is a path, is refused with those that are."""
    with pytest.raises(UnknownStudent, match=r"there are: .*embedded"):
        load_student(name)


def test_parse() -> None:
    """Shapes and numbers arrive as the file says them."""
    student = parse_student(_data(), Path("/students"))
    assert (student.width, student.height, student.latent_shape, student.text_shape) == (64, 48, (4, 6, 8), (7, 16))
    assert student.graphs == Path("/students/tiny")
    assert student.contract.still_times == (1.0, 0.5)
    assert (student.img2img, student.negative_prompt, student.styles) == (False, False, ())


def test_parse_options() -> None:
    """What a student can do beyond stills is in its file."""
    data = _data()
    data["contract"]["strength_power"] = 2
    data["prompt"] = {"styles": ["ink"], "suggestions": ["a boat"], "negative": True}
    student = parse_student(data, Path())
    assert (student.img2img, student.negative_prompt, student.styles, student.suggestions) == (
        True,
        True,
        ("ink",),
        ("a boat",),
    )


@pytest.mark.parametrize("missing", ["name", "title", "licence", "graphs", "image", "text", "contract"])
def test_something_is_missing(missing: str) -> None:
    """What a file lacks is named, with the file."""
    data = _data()
    del data[missing]
    with pytest.raises(ValueError, match=f"lacks '{missing}'"):
        parse_student(data, Path())


def test_longest_job() -> None:
    """No job has more steps than the longest: neither a still nor any repainting."""
    for times in ([1.0], [1.0, 0.5], [0.9, 0.4], [0.5]):
        data = _data()
        data["contract"] |= {"still_times": times, "strength_power": 1.0}
        student = parse_student(data, Path())
        longest = max(len(student.contract.still()), *(len(student.contract.repaint(i / 50)) for i in range(51)))
        assert student.longest_job == longest
