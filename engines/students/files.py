"""Students from their files: what a TOML file says, and what is wrong with it."""

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..families import find_family
from ..families.upscalers import parse_upscaler
from ..student import PICTURE, Contract, Control, Guidance, Student

STUDENTS = Path(__file__).parent


class UnknownStudent(LookupError):
    """No student of that name; the text lists those there are."""


class BadStudent(ValueError):
    """A student's file is wrong; the text names the file and what is wrong in it."""


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
    "": {
        "name", "title", "licence", "source", "architecture", "graphs", "image", "weights", "contract", "guidance", "prompt",
        "control", "upscale",
    },
    "image": {"width", "height", "eye"},
    "contract": {
        "schedule", "prediction", "times", "sampler", "strengths", "start", "map_times", "network_times", "boundary", "eta",
        "fade", "noise", "default_strength", "options",
    },
    "guidance": {"default", "least", "most"},
    "prompt": {"styles", "suggestions", "negative", "style_strengths"},
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
    family = find_family(data["architecture"])
    image, prompt, contract = data["image"], data.get("prompt", {}), dict(data["contract"])
    width, height = image["width"], image["height"]
    family.check_size(width, height)
    strength = float(contract.pop("default_strength", 1.0 if contract.get("start") == "image" else 0.5))
    for table_of_times in ("times", "map_times", "network_times"):
        if table_of_times in contract:
            contract[table_of_times] = tuple(float(t) for t in contract[table_of_times])
    if prompt.get("negative"):
        raise ValueError("prompt.negative: no engine gives a network a negative prompt yet: leave it out")
    if not ("weights" in data) ^ ("graphs" in data):
        raise ValueError("a student has either weights or ready graphs")
    controls = {name: dict(said) for name, said in data.get("control", {}).items()}
    described = tuple(_control(name, said) for name, said in controls.items())
    if "graphs" in data and any(controls.values()):
        raise ValueError("control: graphs that are ready have their controls in them: state no weights of theirs")
    student = Student(
        name=data["name"],
        title=data["title"],
        licence=data["licence"],
        source=data["source"],
        architecture=data["architecture"],
        width=width,
        height=height,
        latent_shape=family.latent_shape(width, height),
        text_shape=family.text_shape,
        contract=Contract(**contract),
        graphs=folder / data["graphs"] if "graphs" in data else None,
        weights=family.parse_weights(data["weights"], controls, folder) if "weights" in data else None,
        guidance=Guidance(**{key: float(value) for key, value in data["guidance"].items()}) if "guidance" in data else None,
        controls=described,
        upscaler=parse_upscaler(data["upscale"], folder) if "upscale" in data else None,
        eye=Control(PICTURE, image["eye"], data["licence"]) if "eye" in image else None,
        strength=strength,
        styles=tuple(prompt.get("styles", ())),
        suggestions=tuple(prompt.get("suggestions", ())),
        style_strengths=tuple((style, float(one)) for style, one in prompt.get("style_strengths", {}).items()),
    )
    if student.eye and student.txt2img:
        raise ValueError("image.eye looks for a student that takes the picture itself: it goes with contract.start = 'image'")
    if student.eye and any(control.name == PICTURE for control in described):
        raise ValueError(f"control.{PICTURE}: image.eye is called so: give it another name")
    if unknown := {style for style, _ in student.style_strengths} - set(student.styles):
        raise ValueError(f"prompt.style_strengths: {min(unknown)!r} is none of prompt.styles")
    if student.img2img:
        by_eyes = [control.strength for control in described if control.strength is not None]
        for one in (strength, *by_eyes, *(one for _, one in student.style_strengths)):
            student.contract.repaint(one)  # a default that the student cannot do is a mistake in its file
    elif stated := next((control.name for control in described if control.strength is not None), None):
        raise ValueError(f"control.{stated}: strength is what a student repaints with, and this one cannot: state scale")
    return student


def _control(name: str, said: dict[str, Any]) -> Control:
    """A control as its table says it; what is left there says where its weights are. Raises ValueError and KeyError."""
    if "licence" not in said:
        raise ValueError(f"control.{name} lacks its licence")
    scale, strength = float(said.pop("scale", 1.0)), said.pop("strength", None)
    return Control(name, said.pop("eye", name), said.pop("licence"), scale, None if strength is None else float(strength))
