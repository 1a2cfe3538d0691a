"""An upscaler's graph as a TensorRT plan: built for GPUs that are here or, with TensorRT-RTX, elsewhere, and opened here."""

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ..digests import Digests
from ..errors import EngineError
from ..gpu.cuda import Cuda
from ..graphs import with_weights
from ..options import TensorRtOptions
from ..say import Say
from ..tensorrt.facts import FOLDER, RECIPE, fitting_build, workspace_bytes
from ..tensorrt.flavour import EXTRAS, Flavour, find_flavour, make_logger
from ..tensorrt.gpus import gpu_name
from ..tensorrt.plans import Plans
from .enlarger import Shape
from .files import GRAPH, GRAPH_NAME
from .gpu import GpuEnlarger, with_remedy


def precision_of(asked: str) -> str:
    """What an upscaler is computed in; its authors run it in fp16."""
    return "fp16" if asked == "auto" else asked


def _facts(name: str, folder: Path, shape: Shape, options: TensorRtOptions, flavour: Flavour, gpus: tuple[str, ...],
           digests: Digests) -> dict[str, str]:  # fmt: skip
    """Everything that could make a plan wrong, in the words of students' builds."""
    return {
        "student": f"upscaler {name}",
        "graphs": digests.of(*with_weights([folder / GRAPH])),
        "size": f"{shape.across}x{shape.down}",
        "batch_sizes": "1",
        "precision": precision_of(options.precision),
        "backend": flavour.backend,
        "gpu": ",".join(gpus),
        "weights": "inside",
        "plugins": "none",
        "options": f"level={options.level},workspace={workspace_bytes(options)},recipe={RECIPE}",
    }


def build_plan(
    name: str,
    folder: Path,
    shape: Shape,
    places: Sequence[Path],
    gpus: tuple[str, ...],
    options: TensorRtOptions,
    flavour: Flavour,
    say: Say,
) -> Path:
    """The folder of the plan of an upscaler's graph for these GPUs: one of the `places`, folders of all builds, has it, or it
    is built in the first of them. Raises EngineError."""
    options = replace(options, stripped=False)  # its weights are its own: no LoRA comes to them
    facts = _facts(name, folder, shape, options, flavour, gpus, Digests(places[0]))
    found = (fitting_build(place / FOLDER, facts, gpus) for place in places)
    if (fitting := next((one for one in found if one is not None), None)) is not None:
        return fitting
    try:
        from ..tensorrt.build.plans import Graph, build_graphs
    except ImportError as error:
        raise EngineError(
            f"the upscaler {name} has not been built for {', '.join(gpus)} yet, and what builds is not whole here ({error}): "
            f"{EXTRAS}, or build it on a machine that has it, with allaprima build and the same --upscaler"
        ) from error
    graph = Graph(GRAPH_NAME, folder / GRAPH, precision_of(options.precision), (1,))
    return build_graphs(facts["student"], [graph], facts, places[0], gpus, say, options, flavour)


def open_plan(
    name: str,
    folder: Path,
    shape: Shape,
    places: Sequence[Path],
    cuda: Cuda,
    flavour: str | None,
    options: TensorRtOptions,
    say: Say,
) -> GpuEnlarger:
    """An enlarger by TensorRT on a device, which it takes over. `places` as for `build_plan`. Raises EngineError."""
    found = find_flavour(flavour)
    built = build_plan(name, folder, shape, places, (gpu_name(*cuda.capability),), options, found, say)
    with_remedy(cuda, {"the upscaler's weights": (built / f"{GRAPH_NAME}.plan").stat().st_size}, shape)
    precision = precision_of(options.precision)
    compiled = places[0] / FOLDER / built.name
    with contextlib.suppress(OSError):  # what cannot be kept there is said when it is tried
        compiled.mkdir(parents=True, exist_ok=True)
    networks = Plans(cuda, found, make_logger(found), built, (1,), precision, compiled=compiled, graphs=(GRAPH_NAME,))
    try:
        return GpuEnlarger(shape, networks, cuda)
    except BaseException:
        networks.close()
        raise
