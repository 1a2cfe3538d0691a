"""A student ready to be compiled: its ONNX graphs found, or built first. Imports no torch unless something is built."""

import json
import time
from dataclasses import replace
from pathlib import Path

from .build_cache import BuildCache
from .choices import Choices
from .digests import Digests
from .errors import EngineError
from .families import family_of
from .families.family import Located, Shapes
from .families.upscalers import chosen_upscaler
from .say import Say
from .student import Control, Student

_SHAPES = "shapes.json"
_EXPORTER = "2"
"""Grows when the graphs that would be written change."""


def prepare(student: Student, cache: Path, choices: Choices, say: Say) -> Student:
    """The student with graphs at the size chosen; builds them if they are not in the cache yet.

    `cache` is the folder of all builds; `say` is told what is being done. Raises EngineError with the remedy.
    """
    student = chosen(student, choices)
    if student.weights is None:
        if replace(choices, width=None, height=None, upscaler=None).any():
            raise EngineError(f"{student.name} comes with its graphs: it takes no weights, LoRA, VAE or control of your own")
        if student.graphs is None or not (student.graphs / _SHAPES).exists():
            return student
        shapes = _read_shapes(student.graphs)  # those of its family need not be those of its graphs
        return replace(student, text_shape=shapes.text, latent_shape=shapes.latents, skips=shapes.skips)
    family = family_of(student)
    digests = Digests(cache)
    located = family.locate(student.weights, choices, digests)
    facts = {
        "student": student.name,
        "architecture": student.architecture,
        "size": f"{student.width}x{student.height}",
        **located.facts,
        "exporter": _EXPORTER,
    }
    builds = BuildCache(cache / "graphs", digests)
    folder = builds.folder(facts)
    if not builds.sealed(facts):
        say(f"building {student.name} at {facts['size']} from {facts['weights']}")
        began = time.perf_counter()
        shapes = _build(student, located, folder, say)
        try:
            said = {"text_shape": shapes.text, "latent_shape": shapes.latents, "guidance": shapes.guidance}
            said |= {"skips": shapes.skips} if shapes.skips else {}
            (folder / _SHAPES).write_text(json.dumps(said) + "\n")
            builds.seal(facts)
        except OSError as error:
            why = f"the build of {student.name} cannot be kept in {folder} ({error.strerror or error})"
            raise EngineError(f"{why}: free space there, or choose another folder with --cache") from error
        say(f"built {student.name} in {time.perf_counter() - began:.0f} s: {folder}")
    return _with_graphs(student, folder)


def chosen(student: Student, choices: Choices) -> Student:
    """The student at the size chosen, with the controls and the upscaler chosen. Raises EngineError if it cannot paint that."""
    own = {control.name: control for control in student.controls}
    try:
        added = {name: Control(name, own[name].eye if name in own else name) for name, _ in choices.controls}
    except ValueError as error:
        raise EngineError(f"--control: {error}") from error
    try:
        upscaler = chosen_upscaler(*choices.upscaler) if choices.upscaler else student.upscaler
    except ValueError as error:
        raise EngineError(f"--upscaler: {error}") from error
    return replace(_sized(student, choices), controls=tuple((own | added).values()), upscaler=upscaler)


def _sized(student: Student, choices: Choices) -> Student:
    width, height = choices.width or student.width, choices.height or student.height
    if (width, height) == (student.width, student.height):
        return student
    if student.weights is None:
        raise EngineError(f"{student.name} paints {student.width}x{student.height} only, not {width}x{height}")
    try:
        family_of(student).check_size(width, height)
    except ValueError as error:
        raise EngineError(f"{student.name} cannot paint {width}x{height}: {error}") from error
    shape = family_of(student).latent_shape(width, height)
    return replace(student, width=width, height=height, latent_shape=shape)


def _build(student: Student, located: Located, folder: Path, say: Say) -> Shapes:
    try:
        return family_of(student).build(student, located.weights, folder, say)
    except ImportError as error:
        raise EngineError(
            f"building {student.name} needs the extra: pip install 'allaprima[build]' ({error}). Serving what is built does not"
        ) from error


def _with_graphs(student: Student, folder: Path) -> Student:
    shapes = _read_shapes(folder)
    if misfit := student.guidance_misfit(shapes.guidance):
        raise EngineError(misfit)
    return replace(student, graphs=folder, text_shape=shapes.text, latent_shape=shapes.latents, skips=shapes.skips)


def _read_shapes(folder: Path) -> Shapes:
    try:
        said = json.loads((folder / _SHAPES).read_text())
        (tokens, width), (channels, height, across) = said["text_shape"], said["latent_shape"]
        skips = tuple((depth, down, over) for depth, down, over in said.get("skips", ()))
        return Shapes((tokens, width), (channels, height, across), bool(said["guidance"]), skips)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EngineError(f"{folder / _SHAPES} cannot be read ({error}): delete {folder} and build again") from error
