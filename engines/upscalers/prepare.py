"""An upscaler ready to be compiled: its graph found, or built first. Imports no torch unless something is built."""

import time
from pathlib import Path

from ..build_cache import BuildCache
from ..digests import Digests
from ..errors import EngineError
from ..families.sources import fingerprint
from ..families.upscalers import UpscalerWeights
from ..say import Say
from ..student import SCALES, Student, Upscaler
from .enlarger import Shape, shape_for
from .files import GRAPH

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
    """The folder of an upscaler's graph of bytes, for a student's pictures, and its tiles; made if it is not in the cache yet.

    `cache` is the folder of all builds. Raises EngineError with the remedy.
    """
    check_here(upscaler)
    weights, digests = weights_of(upscaler), Digests(cache)
    ratio = ratio_for(upscaler, student) if weights.base is None else 1
    shape = shape_for(student, upscaler, ratio)
    facts = {
        "upscaler": upscaler.name,
        "tile": f"{shape.across}x{shape.down}",
        "weights": ", ".join(fingerprint(source, digests) for source in (weights.file, weights.base) if source is not None),
        "prompt": upscaler.prompt,
        "colours": upscaler.colours,
        "exporter": _EXPORTER,
    }
    builds = BuildCache(cache / "graphs", digests)
    folder = builds.folder(facts)
    if not builds.sealed(facts):
        began = time.perf_counter()
        try:
            _build(upscaler, weights, shape, folder, say)
            builds.seal(facts)
        except OSError as error:
            raise _unkept(upscaler, folder, error) from error
        say(f"built the upscaler {upscaler.name} in {time.perf_counter() - began:.0f} s: {folder}")
    return folder, shape


def ratio_for(upscaler: Upscaler, student: Student) -> int:
    """How many times larger anybody's graph makes a student's pictures. Raises EngineError if it is none that can be used."""
    from .openvino import ratio_of, read_network

    what = f"the upscaler {upscaler.name}"
    ratio = ratio_of(read_network(graph_file(upscaler), what), what, student.width, student.height)
    if ratio not in SCALES:
        raise EngineError(f"{what} makes pictures {ratio} times larger, not {' or '.join(map(str, SCALES))}: give another")
    return ratio


def graph_file(upscaler: Upscaler) -> Path:
    """Where anybody's graph lies. Raises EngineError if that is elsewhere."""
    file = weights_of(upscaler).file
    if file.path is None:
        raise EngineError(
            f"the upscaler {upscaler.name} is a graph, and so a file on this machine, not {file}: download it first"
        )
    return file.path / file.file


def _build(upscaler: Upscaler, weights: UpscalerWeights, shape: Shape, folder: Path, say: Say) -> None:
    try:
        if weights.base is None:
            from .wrapping import wrap

            wrap(graph_file(upscaler), folder / GRAPH, shape.across, shape.down, f"the upscaler {upscaler.name}")
        else:
            from .osediff import build

            build(upscaler, weights.file, weights.base, (shape.down, shape.across), folder, say)
    except ImportError as error:
        raise EngineError(
            f"building the upscaler {upscaler.name} needs the extra: pip install 'allaprima[build]' ({error}). Serving what is "
            f"built does not"
        ) from error


def _unkept(upscaler: Upscaler, folder: Path, error: OSError) -> EngineError:
    return EngineError(
        f"the upscaler {upscaler.name} cannot be kept in {folder} ({error.strerror or error}): free space there, or choose "
        f"another folder with --cache"
    )
