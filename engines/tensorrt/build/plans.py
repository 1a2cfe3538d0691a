"""A student's graphs to TensorRT plans, on a machine with a GPU or, with TensorRT-RTX, without one."""

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import onnx_ir as ir

from ...build_cache import BuildCache, Facts
from ...digests import Digests
from ...errors import EngineError
from ...graphs import graph_files, precisions
from ...options import TensorRtOptions
from ...say import Say
from ...student import Student
from ..facts import FOLDER, facts_of, fitting_build, profile_sizes
from ..flavour import Flavour, find_flavour, make_logger
from ..gpus import choose_gpus, installed_gpu
from ..refit import big_weights
from .constants import Untypable
from .norms import whole_group_norms
from .plan import Order, write_plan
from .progress import Progress, make_monitor
from .timing import TimingCache
from .types import type_graph

_EXTERNAL_FROM = 1 << 30
"""Bytes of weights from which they lie in a file of their own: one protobuf holds 2 GiB."""


def build_plans(
    student: Student,
    batch_sizes: tuple[int, ...],
    cache: Path,
    targets: tuple[str, ...],
    say: Say,
    options: TensorRtOptions | None = None,
    flavour: Flavour | None = None,
) -> Path:
    """Build the plans of a student for ticks of these sizes, unless they are built already; the folder that holds them.

    `cache` is the folder of all builds. `targets` names GPU architectures (`parse_gpus`); none means this machine's, and
    without one every GPU from Ampere on. A build for more GPUs than these will do. `say` is told what is being done.
    Raises EngineError with the remedy.
    """
    options = options or TensorRtOptions()
    here = installed_gpu()
    elsewhere = here is None or targets not in ((), (here,))
    flavour = flavour or find_flavour(ahead=elsewhere)
    gpus = choose_gpus(flavour, targets, here)
    facts = facts_of(student, batch_sizes, options, flavour, gpus, Digests(cache))
    computed = precisions(student, options.precision)
    graphs = [
        Graph(name, path, computed[name], profile_sizes(name, batch_sizes)) for name, path in graph_files(student).items()
    ]
    return build_graphs(student.name, graphs, facts, cache, gpus, say, options, flavour)


@dataclass(frozen=True, slots=True)
class Graph:
    """A graph to be built: its file, the precision that it is computed in, and the batches of its profiles."""

    name: str
    path: Path
    precision: str
    sizes: tuple[int, ...]


def build_graphs(
    whose: str,
    graphs: Sequence[Graph],
    facts: Facts,
    cache: Path,
    gpus: tuple[str, ...],
    say: Say,
    options: TensorRtOptions,
    flavour: Flavour,
) -> Path:
    """Build plans of graphs for these GPUs, unless a build of these facts is there already; the folder that holds them.

    `cache` is the folder of all builds. Raises EngineError with the remedy.
    """
    if (fitting := fitting_build(cache / FOLDER, facts, gpus)) is not None:
        return fitting
    builds = BuildCache(cache / FOLDER)
    folder = builds.folder(facts)
    say(f"building {whose} with {flavour.title} for {', '.join(gpus)}, ticks of {facts['batch_sizes']}")
    began = time.perf_counter()
    timings = TimingCache(flavour, cache / FOLDER, installed_gpu())
    try:
        for graph in graphs:
            plan = folder / f"{graph.name}.plan"
            start = time.perf_counter()
            what = f"{graph.name} graph of {whose}"
            with tempfile.TemporaryDirectory(dir=folder) as scratch:
                typed = Path(scratch) / graph.path.name
                refittable = write_typed(graph.path, typed, graph.precision, what)
                order = Order(what, typed, graph.sizes, gpus, options, refittable)
                monitor = make_monitor(flavour, Progress(graph.name, say))
                whole = Path(scratch) / plan.name
                write_plan(flavour, make_logger(flavour), monitor, timings, order, whole)
                whole.replace(plan)
            say(f"built {graph.name} in {time.perf_counter() - start:.1f} s, {plan.stat().st_size / 1e6:.1f} MB")
        builds.seal(facts)
    except OSError as error:
        raise EngineError(
            f"the plans of {whose} cannot be written to {folder} ({error.strerror or error}): free space there, or "
            f"choose another folder with --cache"
        ) from error
    say(f"built {whose} in {time.perf_counter() - began:.0f} s: {folder}")
    return folder


def write_typed(graph: Path, to: Path, precision: str, what: str) -> tuple[str, ...]:
    """Write a graph as TensorRT shall compute it; the names of its big weights."""
    model = ir.load(graph)
    whole_group_norms(model)
    try:
        type_graph(model, precision)
    except Untypable as error:
        raise EngineError(f"the {what} cannot be typed: {error}") from error
    size = sum(value.const_value.nbytes for value in model.graph.initializers.values() if value.const_value is not None)
    if size < _EXTERNAL_FROM:
        ir.save(model, to)
    else:
        ir.save(model, to, external_data=f"{to.name}.data")
    return tuple(name for name, _ in big_weights(model))
