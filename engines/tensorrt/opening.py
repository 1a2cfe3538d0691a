"""From a student and a GPU to an engine that is ready to be warmed up: everything that can be wrong is found out here."""

import contextlib
import logging
from functools import partial
from pathlib import Path
from typing import Any

from ..digests import Digests
from ..errors import EngineError
from ..gpu.cuda import Cuda
from ..gpu.driver import Driver
from ..gpu.engine import GpuEngine
from ..gpu.memory import check_fits
from ..graphs import graph_files, precisions
from ..options import TensorRtOptions
from ..say import Say
from ..student import Student
from ..tokens import Tokens
from .facts import FOLDER, facts_of, find_build, remedy
from .flavour import EXTRAS, Flavour, find_flavour, make_logger
from .gpus import gpu_name
from .plans import Plans

log = logging.getLogger(__name__)


def open_engine(
    student: Student,
    batch_sizes: tuple[int, ...],
    cache: Path,
    flavour: str | None = None,
    device: int = 0,
    options: TensorRtOptions | None = None,
    say: Say = log.info,
    prebuilt: Path | None = None,
) -> GpuEngine:
    """An engine on the GPU with this number, from a build in `cache`, the folder of all builds, or in `prebuilt`.

    `flavour` is tensorrt or tensorrt_rtx, and None whichever is installed. `prebuilt` is laid out as the cache is, and only
    read. A student that nothing was built for is built now, which `say` is told. Raises EngineError with the remedy for what
    is missing, too small, or built for another GPU, version or size.
    """
    if not batch_sizes or min(batch_sizes) < 1:
        raise EngineError(f"tick sizes must be positive, not {batch_sizes}")
    sizes = tuple(sorted(set(batch_sizes)))
    cuda = Driver(device)
    try:
        return _open(student, sizes, (cache, prebuilt), find_flavour(flavour), cuda, options or TensorRtOptions(), say)
    except BaseException:
        cuda.close()
        raise


def _open(
    student: Student,
    sizes: tuple[int, ...],
    places: tuple[Path, Path | None],
    flavour: Flavour,
    cuda: Cuda,
    options: TensorRtOptions,
    say: Say,
) -> GpuEngine:
    folder = _build(student, sizes, places, flavour, gpu_name(*cuda.capability), options, say)
    check_fits(cuda, {"weights": sum(plan.stat().st_size for plan in folder.glob("*.plan"))}, sizes)
    tokens = Tokens(student)
    logger = make_logger(flavour)
    refit = partial(_refit, student, flavour, logger) if options.stripped else None
    compiled = places[0] / FOLDER / folder.name
    with contextlib.suppress(OSError):  # what cannot be kept there is said when it is tried
        compiled.mkdir(parents=True, exist_ok=True)
    precision = precisions(student, options.precision)["denoise"]
    networks = Plans(cuda, flavour, logger, folder, sizes, precision, refit, compiled)
    try:
        return GpuEngine(student, sizes, networks, cuda, tokens)
    except BaseException:
        networks.close()
        raise


def _build(
    student: Student,
    sizes: tuple[int, ...],
    places: tuple[Path, Path | None],
    flavour: Flavour,
    gpu: str,
    options: TensorRtOptions,
    say: Say,
) -> Path:
    """The folder of the plans that fit; they are built if there are none at all for this student."""
    wanted = facts_of(student, sizes, options, flavour, (gpu,), Digests(places[0]))
    roots = [place / FOLDER for place in places if place is not None]
    if (folder := find_build(roots, wanted, gpu)) is not None:
        return folder
    try:
        from .build.plans import build_plans
    except ImportError as error:
        raise EngineError(
            f"{student.name} has not been built for {gpu} yet, and what builds is not whole here ({error}): {EXTRAS}, or on a "
            f"machine that has it {remedy(wanted, gpu)}"
        ) from error
    return build_plans(student, sizes, places[0], (gpu,), say, options, flavour)


def _refit(student: Student, flavour: Flavour, logger: Any, engine: Any, graph: str) -> None:
    try:
        from .refit import refit
    except ImportError as error:
        raise EngineError(
            f"the plans of {student.name} have no weights inside, and what gives them theirs is not whole here ({error}): "
            f"{EXTRAS}"
        ) from error
    refit(flavour, logger, engine, graph_files(student)[graph])
