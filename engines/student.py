"""A student as data: what its TOML file says."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .contract import Contract

STUDENTS = Path(__file__).parent / "students"


class UnknownStudent(LookupError):
    """No student of that name; the text lists those there are."""


@dataclass(frozen=True, slots=True)
class Student:
    """A one-step (or few-step) generator: where its graphs are, what it can do, and its contract.

    Sizes are pixels; `latent_shape` is (channels, height, width); `text_shape` is (tokens, width).
    """

    name: str
    title: str
    licence: str
    width: int
    height: int
    latent_shape: tuple[int, int, int]
    text_shape: tuple[int, int]
    graphs: Path
    contract: Contract
    styles: tuple[str, ...] = ()
    suggestions: tuple[str, ...] = ()
    negative_prompt: bool = False

    @property
    def img2img(self) -> bool:
        return self.contract.strength_power is not None

    @property
    def longest_job(self) -> int:
        """Steps of the longest job there can be: how many jobs of one session keep a pipeline of ticks full."""
        return max(len(self.contract.still()), len(self.contract.repaint(1.0)) if self.img2img else 0)


def student_names() -> list[str]:
    return sorted(path.stem for path in STUDENTS.glob("*.toml"))


def load_student(name: str) -> Student:
    """Read `engines/students/NAME.toml`. Raises UnknownStudent, or ValueError naming what is wrong in the file."""
    if name not in student_names():
        raise UnknownStudent(f"no student named {name!r}; there are: {', '.join(student_names())}")
    with (STUDENTS / f"{name}.toml").open("rb") as file:
        return parse_student(tomllib.load(file), STUDENTS)


def parse_student(data: dict[str, Any], folder: Path) -> Student:
    """A student from a parsed TOML file; `folder` is where its relative paths start. Raises ValueError."""
    try:
        contract = data["contract"]
        image, prompt = data["image"], data.get("prompt", {})
        channels, height, width = image["latent_shape"]
        tokens, text_width = data["text"]["shape"]
        return Student(
            name=data["name"],
            title=data["title"],
            licence=data["licence"],
            width=image["width"],
            height=image["height"],
            latent_shape=(channels, height, width),
            text_shape=(tokens, text_width),
            graphs=folder / data["graphs"],
            contract=Contract(
                family=contract["family"],
                still_times=tuple(float(t) for t in contract["still_times"]),
                strength_power=contract.get("strength_power"),
            ),
            styles=tuple(prompt.get("styles", ())),
            suggestions=tuple(prompt.get("suggestions", ())),
            negative_prompt=bool(prompt.get("negative", False)),
        )
    except KeyError as missing:
        raise ValueError(f"student file {data.get('name', '?')!r} lacks {missing}") from missing
