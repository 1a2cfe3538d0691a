"""An upscaler ready to be compiled: its graph found, or built first. Imports no torch unless something is built."""

import time
from pathlib import Path

from ..build_cache import BuildCache
from ..digests import Digests
from ..errors import EngineError
from ..families.sources import Source, fingerprint
from ..families.upscalers import UpscalerWeights
from ..say import Say
from ..student import Student, Upscaler
from .enlarger import Shape, shape_for

_EXPORTER = "2"
"""Grows when the graphs that would be written change."""


def weights_of(upscaler: Upscaler) -> UpscalerWeights:
    assert isinstance(upscaler.weights, UpscalerWeights)
    return upscaler.weights


def check_here(upscaler: Upscaler) -> None:
    """Whether what should lie on this machine does, before anything is built. Raises EngineError."""
    weights = weights_of(upscaler)
    for source in (weights.file, weights.base):
        if source is not None and source.path is not None and not (source.path / source.file).exists():
            raise EngineError(f"the upscaler {upscaler.name}: there is no {source}; name what is there with --upscaler")


def check_upscaler(student: Student) -> None:
    """Likewise of a student's, where it has one. Raises EngineError."""
    if student.upscaler is not None:
        check_here(student.upscaler)


def prepare_upscaler(upscaler: Upscaler, student: Student, cache: Path, say: Say) -> tuple[Path, Shape]:
    """The folder of OSEDiff's graph for a student's pictures, and its tiles; built if it is not in the cache yet.

    `cache` is the folder of all builds. Raises EngineError with the remedy.
    """
    if upscaler.kind != "osediff":
        raise EngineError(f"the upscaler {upscaler.name} is a graph already, which the engine openvino runs: choose that")
    check_here(upscaler)
    weights, shape, digests = weights_of(upscaler), shape_for(student, upscaler, 1), Digests(cache)
    assert weights.base is not None
    facts = {
        "upscaler": upscaler.name,
        "tile": f"{shape.across}x{shape.down}",
        "weights": ", ".join(fingerprint(source, digests) for source in (weights.file, weights.base)),
        "prompt": upscaler.prompt,
        "colours": upscaler.colours,
        "exporter": _EXPORTER,
    }
    builds = BuildCache(cache / "graphs", digests)
    folder = builds.folder(facts)
    if not builds.sealed(facts):
        began = time.perf_counter()
        _build(upscaler, weights.file, weights.base, shape, folder, say)
        try:
            builds.seal(facts)
        except OSError as error:
            raise _unkept(upscaler, folder, error) from error
        say(f"built the upscaler {upscaler.name} in {time.perf_counter() - began:.0f} s: {folder}")
    return folder, shape


def _build(upscaler: Upscaler, file: Source, base: Source, shape: Shape, folder: Path, say: Say) -> None:
    try:
        from .osediff import build

        build(upscaler, file, base, (shape.down, shape.across), folder, say)
    except ImportError as error:
        raise EngineError(
            f"building the upscaler {upscaler.name} needs the extra: pip install 'allaprima[build]' ({error}). Serving what is "
            f"built does not"
        ) from error
    except OSError as error:
        raise _unkept(upscaler, folder, error) from error


def _unkept(upscaler: Upscaler, folder: Path, error: OSError) -> EngineError:
    return EngineError(
        f"the upscaler {upscaler.name} cannot be kept in {folder} ({error.strerror or error}): free space there, or choose "
        f"another folder with --cache"
    )
