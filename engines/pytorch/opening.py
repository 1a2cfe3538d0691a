"""From a student and a GPU to torch's engine there, ready to be warmed up: what can be wrong before is found out here."""

import importlib.util
import logging
import os
from pathlib import Path

import torch

from ..build_cache import KeptFiles
from ..errors import EngineError
from ..gpu.cuda import Cuda
from ..gpu.driver import Driver
from ..gpu.engine import GpuEngine
from ..gpu.memory import check_fits
from ..options import TorchOptions
from ..say import Say
from ..student import Student
from ..tokens import Tokens
from .float8 import LEAST_CAPABILITY
from .networks import TorchNetworks, typed_graphs
from .place import CudaPlace
from .traced import LARGEST_TICK

log = logging.getLogger(__name__)


FOLDER = "torch"
"""Of the folder of all builds: what torch.compile keeps. It finds its own by what it was made of."""
CHOICES = "torch-choices"
"""And what was chosen between kernels: apart, since engines that compile nothing choose, too."""
_CACHE_VARIABLE = "TORCHINDUCTOR_CACHE_DIR"


def open_engine(
    student: Student,
    batch_sizes: tuple[int, ...],
    cache: Path,
    device: int = 0,
    options: TorchOptions = TorchOptions(),  # noqa: B008 (it is frozen)
    say: Say = log.info,
) -> GpuEngine:
    """An engine on the GPU with this number. What is compiled is kept in `cache`, the folder of all builds.

    Networks are compiled when they first run, in `warm_up`, which `say` is told. Raises EngineError with the remedy for
    what is missing, too small, or not of this GPU.
    """
    if not batch_sizes or min(batch_sizes) < 1:
        raise EngineError(f"tick sizes must be positive, not {batch_sizes}")
    sizes = tuple(sorted(set(batch_sizes)))
    if sizes[-1] > LARGEST_TICK:
        raise EngineError(f"ticks of the torch engine have at most {LARGEST_TICK} rows, not {sizes[-1]}")
    cuda = Driver(device)
    try:
        return _open(student, sizes, cache, device, cuda, options, say)
    except BaseException:
        cuda.close()
        raise


def _open(
    student: Student, sizes: tuple[int, ...], cache: Path, device: int, cuda: Cuda, options: TorchOptions, say: Say
) -> GpuEngine:
    place = CudaPlace(cuda, device)
    networks, kept = None, None
    try:
        if options.compile:
            keep_compiled(cache / FOLDER)
            kept = KeptFiles(cache / FOLDER)
            kept.drop_changed()
        graphs = typed_graphs(student, options)
        check_able(cuda, options, {graph.precision for graph in graphs.values()})
        check_fits(cuda, {"weights": sum(graph.size for graph in graphs.values())}, sizes)
        tokens = Tokens(student)
        networks = TorchNetworks(graphs, place, options, say, kept=kept, choices=cache / CHOICES)
        return GpuEngine(student, sizes, networks, cuda, tokens)
    except BaseException:
        (place if networks is None else networks).close()
        raise


def check_able(cuda: Cuda, options: TorchOptions, computed: set[str]) -> None:
    """Raises EngineError if the device lacks a type, or this machine what compiles for it."""
    architecture = f"sm{cuda.capability[0]}{cuda.capability[1]}"
    if "bf16" in computed and cuda.capability < (8, 0):
        raise EngineError(f"{cuda.name} ({architecture}) has no bf16, which GPUs have from sm80 on: choose another precision, "
                          f"and serve without --full-vae if that wants it")  # fmt: skip
    if options.fp8 and cuda.capability < LEAST_CAPABILITY:
        raise EngineError(f"{cuda.name} ({architecture}) has no fp8, which GPUs have from sm89 on: serve without --fp8")
    if options.compile and cuda.capability < (7, 0):
        raise EngineError(f"torch.compile needs a GPU from sm70 on, not {cuda.name} ({architecture}): serve with "
                          f"--torch-compile false")  # fmt: skip
    if options.compile and importlib.util.find_spec("triton") is None:
        raise EngineError(
            f"torch.compile needs Triton, which comes with torch {torch.__version__} on Linux and is missing: install torch "
            f"again, or serve with --torch-compile false, which is slower"
        )


def keep_compiled(folder: Path) -> None:
    """Have torch.compile keep what it makes in a folder; for the whole process, and not if the user has named another."""
    chosen = os.environ.get(_CACHE_VARIABLE)
    if chosen and chosen != _by_default():
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EngineError(f"the cache folder {folder} cannot be made ({error}); choose another with --cache") from error
    os.environ[_CACHE_VARIABLE] = str(folder)


def _by_default() -> str:
    """The folder that torch names in the environment by itself, as soon as anything imports its compiler: an export does."""
    from torch._inductor.runtime.cache_dir_utils import default_cache_dir

    return default_cache_dir()
