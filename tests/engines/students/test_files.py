"""Students are data: what a file may say, and what is wrong with it."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from engines.families import FAMILIES
from engines.families.sources import Source
from engines.families.stable_diffusion.weights import Lora
from engines.student import Guidance
from engines.students import STUDENTS, BadStudent, UnknownStudent, load_student, parse_student, student_names
from tests.student_files import student_text

TINY = student_text("tiny", 'schedule = "flow", prediction = "flow", times = [1, 0.5]', (512, 256))


def _data() -> dict[str, Any]:
    return tomllib.loads(TINY)


def test_the_student_that_ships() -> None:
    """The embedded student repaints, its styles are told, and its graphs are there."""
    student = load_student("embedded")
    assert student.img2img
    assert "watercolor" in student.styles
    assert student.graphs == STUDENTS / "embedded"
    assert {path.name for path in student.graphs.iterdir()} >= {"text.onnx", "encode.onnx", "denoise.onnx", "decode.onnx"}
    assert (student.latent_shape, student.text_shape) == ((24, 32, 32), (24, 128))


def test_the_painter_that_ships() -> None:
    """The painter's looks have their strengths, its graphs weigh at most 30 MB, and whom to thank for drawings is told."""
    student = load_student("painter")
    assert student.img2img
    assert len(student.styles) >= 28
    assert {style for style, _ in student.style_strengths} == set(student.styles)
    assert (student.latent_shape, student.text_shape) == ((48, 128, 128), (290, 128))
    assert student.graphs is not None
    assert 0 < sum(path.stat().st_size for path in student.graphs.glob("*.onnx")) < 30e6
    thanks = (student.graphs / "ATTRIBUTION.md").read_text()
    for author in ("Google", "Microsoft", "Twitter", "Mozilla"):
        assert author in thanks


@pytest.mark.parametrize("name", ["", "nobody", "../embedded", "embedded.toml", "*"])
def test_unknown(name: str) -> None:
    """A name that is not there, or is a path, is refused with those that are."""
    with pytest.raises(UnknownStudent, match=r"there are: .*embedded"):
        load_student(name)


def test_parse() -> None:
    """Shapes and numbers arrive as the file says them, and what it leaves out has its default."""
    student = parse_student(_data(), Path("/students"))
    assert (student.width, student.height, student.latent_shape, student.text_shape) == (512, 256, (4, 32, 64), (77, 768))
    assert student.graphs is None
    weights: Any = student.weights
    assert (weights.base, weights.tiny) == (Source(repo="someone/base"), Source(repo="someone/tiny"))
    assert (weights.unet, weights.loras) == (None, ())
    assert (student.contract.times, student.contract.sampler, student.contract.start) == ((1.0, 0.5), "renoise", "unit")
    assert (student.img2img, student.negative_prompt, student.styles, student.guidance) == (False, False, (), None)


def test_parse_options() -> None:
    """What a student can do beyond stills is in its file."""
    data = _data()
    data["contract"] |= {"strengths": "any", "sampler": "euler", "default_strength": 0.7, "options": {"time_scale": 1000.0}}
    data["prompt"] = {"styles": ["ink"], "suggestions": ["a boat"], "negative": False, "style_strengths": {"ink": 1}}
    data["guidance"] = {"default": 8, "least": 1, "most": 14}
    student = parse_student(data, Path())
    assert (student.img2img, student.strength, student.negative_prompt) == (True, 0.7, False)
    assert (student.styles, student.suggestions, student.style_strengths) == (("ink",), ("a boat",), (("ink", 1.0),))
    assert student.guidance == Guidance(default=8.0, least=1.0, most=14.0)
    assert [step.t for step in student.contract.still()] == [1000.0, 500.0]


def test_parse_weights() -> None:
    """Weights are repositories, files of them, or paths beside the file."""
    data = _data()
    data["weights"] |= {
        "base": {"repo": "someone/base", "revision": "abc"},
        "unet": {"path": "mine", "file": "unet.safetensors"},
        "loras": [{"repo": "someone/lora", "file": "lora.safetensors"}, {"path": "lora", "file": "b", "weight": 0.5}],
    }
    weights: Any = parse_student(data, Path("/students")).weights
    assert str(weights.base) == "someone/base@abc"
    assert weights.unet == Source(path=Path("/students/mine"), file="unet.safetensors")
    assert weights.loras == (
        Lora(Source(repo="someone/lora", file="lora.safetensors"), 1.0),
        Lora(Source(path=Path("/students/lora"), file="b"), 0.5),
    )


@pytest.mark.parametrize("missing", ["name", "title", "licence", "source", "architecture", "image", "contract"])
def test_something_is_missing(missing: str) -> None:
    """What a file lacks is named, with the file."""
    data = _data()
    del data[missing]
    with pytest.raises(BadStudent, match=f"lacks '{missing}'"):
        parse_student(data, Path())


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"style": "ink"}, "unknown key 'style'"),
        ({"image": {"width": 512, "height": 512, "depth": 3}}, r"unknown key 'image\.depth'"),
        ({"prompt": {"colours": []}}, r"unknown key 'prompt\.colours'"),
        ({"weights": {"base": {"repo": "a/b", "branch": "x"}, "tiny": "a/c"}}, "unknown key 'branch'"),
        ({"weights": {"base": {"repo": "a/b", "path": "c"}, "tiny": "a/c"}}, "state one of the two"),
        ({"weights": {"base": {"file": "c"}, "tiny": "a/c"}}, "state one of the two"),
        ({"weights": {"tiny": "a/c"}}, "lacks 'base'"),
        ({"architecture": "sd9"}, r"unknown architecture 'sd9'; known: .*sdxl"),
        ({"image": {"width": 500, "height": 512}}, "multiples of 64 pixels: 500 is not, 512 is near"),
        ({"image": {"width": 0, "height": 512}}, "multiples of 64 pixels: 0 is not"),
        ({"image": {"width": "wide", "height": 512}}, "'tiny'"),
        ({"image": 512}, "'tiny'"),
        ({"graphs": "tiny"}, "either weights or ready graphs"),
        ({"contract": {"schedule": "flow", "prediction": "flow", "times": [2.0]}}, "lie in 0..1"),
        ({"contract": {"schedule": "flow", "prediction": "epsilon", "times": [1.0]}}, "no step can be made"),
        ({"contract": {"schedule": "flow", "prediction": "flow", "times": ["soon"]}}, "'tiny'.*soon"),
        ({"contract": {"schedule": "flow", "prediction": "flow"}}, "times"),
        ({"guidance": {"default": 8.0}}, "least"),
        ({"prompt": {"negative": True}}, r"prompt\.negative: no engine gives a network a negative prompt yet: leave it out"),
        ({"weights": {"base": "a/b", "tiny": "a/c", "vae": "a/d"}}, r"unknown key 'weights\.vae'; known: base"),
        ({"architecture": "embedded", "image": {"width": 256, "height": 256}}, "come with their graphs"),
    ],
)
def test_bad_files(change: dict[str, Any], reason: str) -> None:
    """What is wrong in a file is said, with its name."""
    assert parse_student(_data(), Path()).name == "tiny"
    with pytest.raises(BadStudent, match=reason):
        parse_student(_data() | change, Path())


def test_neither_weights_nor_graphs() -> None:
    """A student of nothing is refused."""
    data = _data()
    del data["weights"]
    with pytest.raises(BadStudent, match="either weights or ready graphs"):
        parse_student(data, Path())


def test_impossible_default() -> None:
    """A default strength that the student itself would refuse is a mistake in its file."""
    data = _data()
    data["contract"] = {"schedule": "scaled-linear", "prediction": "epsilon", "times": [999], "strengths": "levels"}
    with pytest.raises(BadStudent, match=r"trained for the strengths 1 only, not 0\.5"):
        parse_student(data, Path())
    data["contract"]["default_strength"] = 1.0
    assert parse_student(data, Path()).strength == 1.0


def test_a_strength_for_who_is_shown() -> None:
    """A control may state the strength that goes with it: one that its student can do, if it repaints at all."""
    data = _data()
    data["control"] = {"edges": {"repo": "someone/edges", "licence": "theirs", "strength": 0.5}}
    data["contract"] |= {"times": [1], "strengths": "any"}
    assert [control.strength for control in parse_student(data, Path()).controls] == [0.5]
    data["control"]["edges"]["strength"] = 1.5
    with pytest.raises(BadStudent, match=r"strength"):
        parse_student(data, Path())
    data["contract"]["strengths"] = "none"
    with pytest.raises(BadStudent, match=r"control\.edges: strength is what a student repaints with, and this one cannot"):
        parse_student(data, Path())


def test_folders_come_first(tmp_path: Path) -> None:
    """A file in a folder of one's own adds a student, and the first folder named wins."""
    one, two = tmp_path / "one", tmp_path / "two"
    for folder, title in ((one, "first"), (two, "second")):
        folder.mkdir()
        (folder / "tiny.toml").write_text(TINY.replace("A student for tests", title))
    assert student_names([one]) == sorted([*student_names(), "tiny"])
    assert load_student("tiny", [one, two]).title == "first"
    assert load_student("tiny", [two, one]).title == "second"
    assert load_student("embedded", [one]).graphs == STUDENTS / "embedded"


@pytest.mark.parametrize(
    ("text", "reason"),
    [("name = ", "tiny.toml"), (TINY.replace('"tiny"', '"small"', 1), "its name is 'small'"), (TINY + "x = 1", "unknown key")],
)
def test_bad_file_in_a_folder(tmp_path: Path, text: str, reason: str) -> None:
    """A file that is no TOML, or is called by another name, or says too much, is refused by name."""
    (tmp_path / "tiny.toml").write_text(text)
    with pytest.raises(BadStudent, match=reason):
        load_student("tiny", [tmp_path])


def test_no_such_folder(tmp_path: Path) -> None:
    """A folder that is not there is named."""
    with pytest.raises(BadStudent, match="nowhere"):
        student_names([tmp_path / "nowhere"])


def test_longest_job() -> None:
    """No job has more steps than the longest: neither a still nor any repainting."""
    for times in ([1.0], [1.0, 0.5], [0.9, 0.4], [0.5]):
        data = _data()
        data["contract"] |= {"times": times, "strengths": "any"}
        student = parse_student(data, Path())
        longest = max(len(student.contract.still()), *(len(student.contract.repaint(i / 50)) for i in range(51)))
        assert student.longest_job == longest


@pytest.mark.parametrize(
    ("name", "width", "height", "expected"), [("sd15", 512, 768, (4, 96, 64)), ("embedded", 256, 256, (24, 32, 32))]
)
def test_latents_of_an_architecture(name: str, width: int, height: int, expected: tuple[int, int, int]) -> None:
    """Latents are channels, then height, then width."""
    assert FAMILIES[name].latent_shape(width, height) == expected


def test_ticks_where_nobody_chose() -> None:
    """A large network on a CPU takes its rows one by one; everything else is compiled for up to eight."""
    embedded, large = load_student("embedded"), parse_student(_data(), Path())
    assert large.default_batches("openvino") == (1,)
    assert large.default_batches("tensorrt") == embedded.default_batches("openvino") == (1, 2, 4, 8)
