"""From an upscaler and an engine's name to what enlarges: everything that can be wrong is found out here."""

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..errors import EngineError
from ..options import (
    TENSORRT,
    EngineOptions,
    FakeOptions,
    OpenVinoOptions,
    ReferenceOptions,
    TensorRtOptions,
    TorchOptions,
)
from ..say import Say
from ..student import Student
from .enlarger import Enlarger, Shape, shape_for
from .files import GRAPH, GRAPH_NAME
from .prepare import check_here, graph_file, prepare_upscaler, ratio_for

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Place:
    """Where an upscaler runs: its engine by name and what is chosen of that, the GPU with this number or the processor, the
    folder of all builds, and one laid out alike that is only read."""

    engine: str
    options: EngineOptions
    cache: Path
    device: int | None = None
    prebuilt: Path | None = None

    @property
    def flavour(self) -> str | None:
        """The TensorRT that is insisted on; None is whichever is installed."""
        return None if self.engine == TENSORRT[0] else self.engine


def open_enlarger(student: Student, place: Place, say: Say = log.info) -> Enlarger:
    """What enlarges a student's pictures, by its upscaler. It belongs to the thread that opens it. Raises EngineError with the
    remedy."""
    upscaler = student.upscaler
    assert upscaler is not None, "a student with an upscaler"
    options = place.options
    if isinstance(options, FakeOptions):
        from .fake import FakeEnlarger

        return FakeEnlarger(shape_for(student, upscaler, 1))
    check_here(upscaler)
    if upscaler.kind == "network" and isinstance(options, OpenVinoOptions):
        return _open_network(student, options)
    if upscaler.kind == "network" and not isinstance(options, TensorRtOptions):
        raise EngineError(
            f"the upscaler {upscaler.name} is a graph, which runs on the engines openvino and tensorrt: choose one of them, or "
            f"give OSEDiff's file"
        )
    folder, shape = prepare_upscaler(upscaler, student, place.cache, say)
    say(f"compiling the upscaler {upscaler.name}")
    return _open_built(folder, shape, place, upscaler.name, say)


def _open_network(student: Student, options: OpenVinoOptions) -> Enlarger:
    """As it is, on OpenVINO: nothing is written for that."""
    upscaler: Any = student.upscaler
    from .openvino import OpenVinoEnlarger, choose_precision, read_network, with_bytes

    what = f"the upscaler {upscaler.name}"
    shape = shape_for(student, upscaler, ratio_for(upscaler, student))
    model = with_bytes(read_network(graph_file(upscaler), what), what, shape.across, shape.down)
    return OpenVinoEnlarger(model, shape, choose_precision(options.precision), options)


def _open_built(folder: Path, shape: Shape, place: Place, name: str, say: Say) -> Enlarger:
    options = place.options
    if isinstance(options, OpenVinoOptions):
        from .openvino import OpenVinoEnlarger, read_exported

        # x0 is 14.6 times what its network says, in the middle of the graph: bf16 would show
        return OpenVinoEnlarger(read_exported(folder / GRAPH), shape, "fp32", options)
    if isinstance(options, ReferenceOptions):
        module = _read_module(folder, name)
        from .reference import TorchEnlarger

        return TorchEnlarger(module, shape)
    from ..gpu.driver import Driver

    cuda = Driver(place.device or 0)
    try:
        if isinstance(options, TensorRtOptions):
            from .plans import open_plan

            places = [one for one in (place.cache, place.prebuilt) if one is not None]
            return open_plan(name, folder, shape, places, cuda, place.flavour, options, say)
        assert isinstance(options, TorchOptions)
        return _open_torch(folder, shape, options, name, place, cuda, say)
    except BaseException:
        cuda.close()
        raise


def _read_module(folder: Path, name: str) -> Any:
    try:
        from .osediff import read_module

        return read_module(folder)
    except ImportError as error:
        raise EngineError(f"the upscaler {name} by torch needs the extra: pip install 'allaprima[build]' ({error})") from error
    except (OSError, RuntimeError, KeyError) as error:
        if isinstance(error, EngineError):
            raise
        why = f"the graph of the upscaler {name} in {folder} is not whole ({error}): delete the folder and build it again"
        raise EngineError(why) from error


def _open_torch(folder: Path, shape: Shape, options: TorchOptions, name: str, at: Place, cuda: Any, say: Say) -> Enlarger:
    module = _read_module(folder, name)
    from ..build_cache import KeptFiles
    from ..pytorch.networks import TorchNetworks, typed_graph
    from ..pytorch.opening import CHOICES, FOLDER, check_able, keep_compiled
    from ..pytorch.place import CudaPlace
    from .gpu import GpuEnlarger, ports_of, with_remedy
    from .plans import precision_of

    options, kept = replace(options, fp8=False), None
    check_able(cuda, options, {precision := precision_of(options.precision)})
    if options.compile:
        keep_compiled(at.cache / FOLDER)
        kept = KeptFiles(at.cache / FOLDER)
    graph = typed_graph(module, ports_of(shape), precision, f"the upscaler {name}")
    with_remedy(cuda, {"the upscaler's weights": graph.size}, shape)
    place = CudaPlace(cuda, at.device or 0)
    try:
        networks = TorchNetworks({GRAPH_NAME: graph}, place, options, say, kept=kept, choices=at.cache / CHOICES)
    except BaseException:
        place.close()
        raise
    try:
        return GpuEnlarger(shape, networks, cuda)
    except BaseException:
        networks.close()
        raise
