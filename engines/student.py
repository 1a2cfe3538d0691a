"""A student as data: what its TOML file says."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .architectures import ARCHITECTURES, Architecture
from .contract import Contract
from .weights import Weights, parse_weights

STUDENTS = Path(__file__).parent / "students"


class UnknownStudent(LookupError):
    """No student of that name; the text lists those there are."""


class BadStudent(ValueError):
    """A student's file is wrong; the text names the file and what is wrong in it."""


@dataclass(frozen=True, slots=True)
class Guidance:
    """A guidance scale that the network was trained to be told, w = scale - 1 (Meng et al. 2023; LCM). Inclusive bounds."""

    default: float
    least: float
    most: float

    def __post_init__(self) -> None:
        if not self.least <= self.default <= self.most:
            raise ValueError(f"guidance: least {self.least:g}, default {self.default:g} and most {self.most:g} must ascend")


@dataclass(frozen=True, slots=True)
class Student:
    """A one-step (or few-step) generator: its weights or graphs, what it can do, and its contract.

    Sizes are pixels; `latent_shape` is (channels, height, width); `text_shape` is (tokens, width). `graphs` is the folder
    of its ONNX graphs: the embedded student ships with them, others have them once they are built.
    """

    name: str
    title: str
    licence: str
    source: str
    architecture: str
    width: int
    height: int
    latent_shape: tuple[int, int, int]
    text_shape: tuple[int, int]
    contract: Contract
    graphs: Path | None = None
    weights: Weights | None = None
    guidance: Guidance | None = None
    strength: float = 0.5
    styles: tuple[str, ...] = ()
    suggestions: tuple[str, ...] = ()
    negative_prompt: bool = False

    @property
    def img2img(self) -> bool:
        return self.contract.strengths != "none"

    @property
    def longest_job(self) -> int:
        """Steps of the longest job there can be: how many jobs of one session keep a pipeline of ticks full."""
        return self.contract.most_steps

    def guidance_misfit(self, told: bool) -> str | None:
        """What is wrong if the network is told a guidance scale, or is not, unlike its file says; None if they agree."""
        if told == (self.guidance is not None):
            return None
        said = "is told a guidance scale, which its file does not state"
        if not told:
            said = "takes no guidance scale, which its file states"
        return f"the network of {self.name} {said}: correct [guidance] in its file, or give other weights"

    def default_batches(self, backend: str) -> tuple[int, ...]:
        """Tick sizes to compile where nobody chose."""
        # a large network on a CPU gains nothing from a batch, and each compiled size holds its weights again
        return (1,) if backend == "openvino" and self.weights is not None else (1, 2, 4, 8)


def student_names(folders: Sequence[Path] = ()) -> list[str]:
    return sorted(_files(folders))


def load_student(name: str, folders: Sequence[Path] = ()) -> Student:
    """Read NAME.toml from our own students, or from further folders, which come first.

    Raises UnknownStudent, or BadStudent naming what is wrong in the file.
    """
    files = _files(folders)
    if name not in files:
        raise UnknownStudent(f"no student named {name!r}; there are: {', '.join(sorted(files))}")
    path = files[name]
    try:
        with path.open("rb") as file:
            student = parse_student(tomllib.load(file), path.parent)
    except (tomllib.TOMLDecodeError, OSError) as error:
        raise BadStudent(f"{path}: {error}") from error
    if student.name != name:
        raise BadStudent(f"{path}: its name is {student.name!r}; a file is called by its student's name")
    return student


def _files(folders: Sequence[Path]) -> dict[str, Path]:
    for folder in folders:
        if not folder.is_dir():
            raise BadStudent(f"no folder {folder} of student files")
    return {path.stem: path for folder in (STUDENTS, *reversed(folders)) for path in folder.glob("*.toml")}


_KEYS = {
    "": {"name", "title", "licence", "source", "architecture", "graphs", "image", "weights", "contract", "guidance", "prompt"},
    "image": {"width", "height"},
    "weights": {"base", "tiny", "unet", "loras"},
    "contract": {
        "schedule", "prediction", "times", "sampler", "strengths", "start", "map_times", "network_times", "boundary", "eta",
        "default_strength", "options",
    },
    "guidance": {"default", "least", "most"},
    "prompt": {"styles", "suggestions", "negative"},
}  # fmt: skip


def parse_student(data: Mapping[str, Any], folder: Path) -> Student:
    """A student from a parsed TOML file; `folder` is where its relative paths start. Raises BadStudent."""
    name = data.get("name", "?")
    try:
        return _parse(data, folder)
    except KeyError as missing:
        raise BadStudent(f"the file of student {name!r} lacks {missing}") from missing
    except (ValueError, TypeError, AttributeError) as error:
        raise BadStudent(f"the file of student {name!r}: {error}") from error


def _parse(data: Mapping[str, Any], folder: Path) -> Student:
    for table, known in _KEYS.items():
        for key in data.get(table, {}) if table else data:
            if key not in known:
                raise ValueError(f"unknown key {f'{table}.{key}' if table else key!r}; known: {', '.join(sorted(known))}")
    architecture = _architecture(data["architecture"])
    image, prompt, contract = data["image"], data.get("prompt", {}), dict(data["contract"])
    width, height = image["width"], image["height"]
    check_size(data["architecture"], width, height)
    strength = float(contract.pop("default_strength", 0.5))
    for table_of_times in ("times", "map_times", "network_times"):
        if table_of_times in contract:
            contract[table_of_times] = tuple(float(t) for t in contract[table_of_times])
    if not ("weights" in data) ^ ("graphs" in data):
        raise ValueError("a student has either weights or ready graphs")
    student = Student(
        name=data["name"],
        title=data["title"],
        licence=data["licence"],
        source=data["source"],
        architecture=data["architecture"],
        width=width,
        height=height,
        latent_shape=architecture.latent_shape(width, height),
        text_shape=architecture.text_shape,
        contract=Contract(**contract),
        graphs=folder / data["graphs"] if "graphs" in data else None,
        weights=parse_weights(data["weights"], folder) if "weights" in data else None,
        guidance=Guidance(**{key: float(value) for key, value in data["guidance"].items()}) if "guidance" in data else None,
        strength=strength,
        styles=tuple(prompt.get("styles", ())),
        suggestions=tuple(prompt.get("suggestions", ())),
        negative_prompt=bool(prompt.get("negative", False)),
    )
    if student.img2img:
        student.contract.repaint(strength)  # a default that the student cannot do is a mistake in its file
    return student


def _architecture(name: str) -> Architecture:
    if name not in ARCHITECTURES:
        raise ValueError(f"unknown architecture {name!r}; known: {', '.join(ARCHITECTURES)}")
    return ARCHITECTURES[name]


def check_size(architecture: str, width: int, height: int) -> None:
    """Raises ValueError if images of this size cannot be painted."""
    multiple = _architecture(architecture).multiple
    for side in (width, height):
        if side <= 0 or side % multiple:
            near = max(multiple, round(side / multiple) * multiple)
            raise ValueError(f"sides must be multiples of {multiple} pixels: {side} is not, {near} is near")
