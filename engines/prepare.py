"""A student ready to be compiled: its ONNX graphs found, or built first. Imports no torch unless something is built."""

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from .architectures import ARCHITECTURES
from .build_cache import BuildCache
from .choices import Choices
from .digests import Digests
from .errors import EngineError
from .say import Say
from .student import Student
from .student.weights import Lora, Source, Weights
from .students import check_size

_SHAPES = "shapes.json"
_EXPORTER = "2"
"""Grows when the graphs that would be written change."""


def prepare(student: Student, cache: Path, choices: Choices, say: Say) -> Student:
    """The student with graphs at the size chosen; builds them if they are not in the cache yet.

    `cache` is the folder of all builds; `say` is told what is being done. Raises EngineError with the remedy.
    """
    student = sized(student, choices)
    if student.weights is None:
        if replace(choices, width=None, height=None).any():
            raise EngineError(f"{student.name} comes with its graphs: it takes no weights, LoRA or VAE of your own")
        return student
    weights, facts = _facts(student, student.weights, choices, Digests(cache))
    builds = BuildCache(cache / "graphs")
    folder = builds.folder(facts)
    if not builds.sealed(facts):
        say(f"building {student.name} at {facts['size']} from {facts['weights']}")
        began = time.perf_counter()
        shapes = _build(student, weights, folder, say)
        try:
            (folder / _SHAPES).write_text(json.dumps(shapes) + "\n")
            builds.seal(facts)
        except OSError as error:
            why = f"the build of {student.name} cannot be kept in {folder} ({error.strerror or error})"
            raise EngineError(f"{why}: free space there, or choose another folder with --cache") from error
        say(f"built {student.name} in {time.perf_counter() - began:.0f} s: {folder}")
    return _with_graphs(student, folder)


def sized(student: Student, choices: Choices) -> Student:
    """The student at the size chosen. Raises EngineError if it cannot paint that."""
    width, height = choices.width or student.width, choices.height or student.height
    if (width, height) == (student.width, student.height):
        return student
    if student.weights is None:
        raise EngineError(f"{student.name} paints {student.width}x{student.height} only, not {width}x{height}")
    try:
        check_size(student.architecture, width, height)
    except ValueError as error:
        raise EngineError(f"{student.name} cannot paint {width}x{height}: {error}") from error
    shape = ARCHITECTURES[student.architecture].latent_shape(width, height)
    return replace(student, width=width, height=height, latent_shape=shape)


def _facts(student: Student, weights: Weights, choices: Choices, digests: Digests) -> tuple[Weights, dict[str, str]]:
    """The weights to build from, and everything that could make the graphs wrong."""
    from .families.stable_diffusion.locate import locate

    located = locate(weights, choices.weights, choices.full_vae)
    loras = (*located.loras, *(Lora(Source(path=path.parent, file=path.name), weight) for path, weight in choices.loras))
    for lora in loras:
        if lora.source.path and not (lora.source.path / lora.source.file).is_file():
            raise EngineError(f"there is no LoRA file {lora.source}")
    located = replace(located, loras=loras)
    facts = {
        "student": student.name,
        "architecture": student.architecture,
        "size": f"{student.width}x{student.height}",
        "weights": ", ".join(_fingerprint(source, digests) for source in (located.base, located.unet) if source),
        "vae": _fingerprint(located.tiny, digests) if located.tiny else "its own",
        "loras": ", ".join(f"{_fingerprint(lora.source, digests)} at {lora.weight:g}" for lora in located.loras) or "none",
        "exporter": _EXPORTER,
    }
    return located, facts


def _fingerprint(source: Source, digests: Digests) -> str:
    """A name, and for what lies here, of which content may change under one name, a digest of it."""
    if source.path is None:
        return str(source)
    place = source.path / source.file if source.file else source.path
    if place.is_file():
        return f"{place.name} {digests.of(place)[:16]}"
    kinds = {".safetensors", ".bin", ".json", ".txt"}
    files = sorted(path for path in place.rglob("*") if path.suffix in kinds and path.is_file())
    return f"{place} {digests.of(*files)[:16]}"


def _build(student: Student, weights: Weights, folder: Path, say: Say) -> dict[str, Any]:
    try:
        from .families.stable_diffusion.build import build_graphs
    except ImportError as error:
        raise EngineError(
            f"building {student.name} needs the extra: pip install 'allaprima[build]' ({error}). Serving what is built does not"
        ) from error
    return build_graphs(student, weights, folder, say)


def _with_graphs(student: Student, folder: Path) -> Student:
    try:
        shapes = json.loads((folder / _SHAPES).read_text())
        text: Sequence[int] = shapes["text_shape"]
        latent: Sequence[int] = shapes["latent_shape"]
        guidance = bool(shapes["guidance"])
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise EngineError(f"{folder / _SHAPES} cannot be read ({error}): delete {folder} and build again") from error
    if misfit := student.guidance_misfit(guidance):
        raise EngineError(misfit)
    return replace(student, graphs=folder, text_shape=(text[0], text[1]), latent_shape=(latent[0], latent[1], latent[2]))
