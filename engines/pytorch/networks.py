"""A student's networks by torch, for the runtime of ticks on a device.

Each graph is traced once (`traced`), typed (`graph_types`), its products joined (`fusing`) and perhaps narrowed
(`float8`). Each size runs a copy of that graph with the same weights, which writes where it is bound to; torch.compile
makes kernels of it in its first run. Python is in none of the later ones, since the runtime has captured it.
"""

import gc
import logging
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import fx, nn

from ..build_cache import KeptFiles
from ..errors import EngineError
from ..examples import example_inputs
from ..families.modules import GraphModules
from ..gpu.cuda import Address, Cuda, CudaError, Graph, OutOfDeviceMemory, Stream
from ..gpu.network import Capture, Tensor
from ..graphs import ports, precisions
from ..options import TorchOptions
from ..ports import Port, outputs
from ..say import Say
from ..student import Student
from .float8 import quantise_graph
from .fusing import fuse
from .graph_types import type_graph
from .modules import read_modules
from .place import Place
from .traced import trace
from .tuning import Timed, Tuning

log = logging.getLogger(__name__)


_RUN_AS_THEY_ARE = frozenset({"text"})
"""A prompt is encoded when it changes, beside the ticks: not worth a minute at each start."""


@dataclass(frozen=True, slots=True, eq=False)
class TypedGraph:
    """A graph ready to be put on a device. `tensors` is its inputs in order, and then its outputs; each of one row."""

    graph: fx.GraphModule
    precision: str
    tensors: Mapping[str, Tensor]

    @property
    def weights(self) -> list[torch.Tensor]:
        return list(self.graph.buffers())

    @property
    def size(self) -> int:
        """Bytes of its weights."""
        return sum(weight.nbytes for weight in self.weights)


def typed_graphs(student: Student, options: TorchOptions, modules: GraphModules | None = None) -> dict[str, TypedGraph]:
    """The four graphs on the CPU, by name. Their weights are copies, typed.

    `modules` are traced instead of those in the student's graphs. Raises EngineError.
    """
    modules = read_modules(student) if modules is None else modules
    computed, declared = precisions(student, options.precision), ports(student)
    made = {}
    for name, of in declared.items():
        made[name] = typed_graph(getattr(modules, name), of, computed[name], f"the {name} network of {student.name}")
        if name == "denoise" and options.fp8:
            log.info("%d products of %s are made in fp8", quantise_graph(made[name].graph), student.name)
    return made


def typed_graph(module: nn.Module, declared: Mapping[str, Port], precision: str, what: str) -> TypedGraph:
    """A module as a graph in a precision, with the ports that are declared for it. Raises EngineError."""
    [given] = example_inputs({"graph": declared}).values()
    # of a denoiser x0 alone: renoising, which is the rest, is done outside, where the noise lies
    kept = [one for one, port in outputs(declared).items() if not port.optional]
    traced = trace(module, {one: torch.from_numpy(array) for one, array in given.items()}, kept)
    taken = [str(node.target) for node in traced.graph.find_nodes(op="placeholder")]
    graph = fuse(type_graph(traced, precision, what))
    tensors = {one: Tensor(port.dtype, port.shape, port.output) for one in (*taken, *kept) if (port := declared[one])}
    return TypedGraph(graph, precision, tensors)


class TorchNetworks:
    """Implements `Networks` by typed graphs, whose weights it takes over, on a place that it closes.

    `say` is told of what is compiled, which takes up to minutes. `backend` is torch.compile's; `kept` is what it keeps.
    `choices` is the folder where choices between kernels are found again.
    """

    backend = "torch"

    def __init__(
        self,
        graphs: Mapping[str, TypedGraph],
        place: Place,
        options: TorchOptions,
        say: Say = log.info,
        backend: str = "inductor",
        kept: KeptFiles | None = None,
        choices: Path | None = None,
    ) -> None:
        computed = graphs.get("denoise", next(iter(graphs.values()))).precision
        self.precision = f"{computed} and fp8" if options.fp8 else computed
        self._graphs, self._place, self._say = graphs, place, say
        self._compiler = backend if options.compile else None
        self._tuning = Tuning(options, place.device, place.seconds, choices)
        self._closed, self._kept = False, kept
        for graph in graphs.values():
            try:
                _move(graph.graph, place.device)
            except torch.OutOfMemoryError as error:
                raise OutOfDeviceMemory(f"the weights do not fit into the device's memory: {_first(error)}") from error

    def load(self, graph: str, size: int) -> "TorchNetwork":
        compiler = None if graph in _RUN_AS_THEY_ARE else self._compiler
        title, tuning = f"the {graph} network for {size} rows", None if graph in _RUN_AS_THEY_ARE else self._tuning
        return TorchNetwork(title, self._graphs[graph], size, self._place, compiler, self._say, tuning)

    @property
    def timed(self) -> list[Timed]:
        """What was chosen by timing so far."""
        return self._tuning.timed

    def captures(self, cuda: Cuda) -> Sequence[Capture]:
        """By the driver within a pool of torch's; and by torch itself, some versions of which (from 2.13 on) do not take
        the scope of a pool for a capture, and may do in it what a capture forbids."""

        def within_a_pool(stream: Stream, fill: Callable[[], None]) -> Graph:
            with self._place.pooled():
                return cuda.capture(stream, fill)

        def by_torch(stream: Stream, fill: Callable[[], None]) -> Graph:
            return cuda.instantiate(self._place.capture(stream, fill), stream)

        return within_a_pool, by_torch

    def settled(self) -> None:
        self._tuning.keep()
        # first runs were not captured, and what they used is of no use any more
        self._place.trim()
        if self._kept is not None:
            try:
                self._kept.note()
            except OSError as error:  # the next start will be slow, and no worse
                log.warning("what torch compiled cannot be kept (%s): free space there, or choose another --cache", error)

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        for graph in self._graphs.values():
            for weight in graph.weights:  # whatever torch still remembers of what it compiled, it is not the weights
                weight.data = weight.data.new_empty(0)
        gc.collect()
        self._place.close()


class TorchNetwork:
    """One graph at one size: a `Network`. Its first run compiles it, and must be in the thread of all others."""

    scratch = 0
    """Torch allocates for itself, during a capture from a pool that stays."""

    def __init__(
        self,
        title: str,
        graph: TypedGraph,
        size: int,
        place: Place,
        compiler: str | None,
        say: Say,
        tuning: Tuning | None = None,
    ) -> None:
        self._title, self._place, self._compiler, self._say, self._size = title, place, compiler, say, size
        self._graph, self._tuning = graph.graph, tuning
        self.tensors = {name: Tensor(row.dtype, (size, *row.shape), row.output) for name, row in graph.tensors.items()}
        self._run = self._made(graph.graph)
        self._bound: list[torch.Tensor] = []
        self._has_run = False

    def bind(self, addresses: Mapping[str, Address], scratch: Address) -> None:
        self._bound = [self._place.view(addresses[name], tensor) for name, tensor in self.tensors.items()]

    def enqueue(self, stream: Stream) -> None:
        began = time.perf_counter()
        first, self._has_run = not self._has_run, True
        if first and self._compiler is not None:
            self._say(f"compiling {self._title}")
        try:
            with torch.no_grad(), self._place.on(stream), warnings.catch_warnings():
                if first:
                    warnings.simplefilter("ignore")  # of a compiler about its own parts, and about chances not taken
                    self._tune_and_run()
                else:
                    self._run(*self._bound)
        except torch.OutOfMemoryError as error:
            self._has_run = not first
            raise OutOfDeviceMemory(
                f"out of device memory in {self._title} ({_first(error)}): ask for smaller ticks, or free the device of "
                f"other work"
            ) from error
        except Exception as error:  # compilers and libraries beneath torch raise what they like
            self._has_run = not first
            raise self._failed(error, first) from error
        if first and self._compiler is not None:
            log.info("compiled %s in %.1f s", self._title, time.perf_counter() - began)

    def may_be_captured(self, stream: Stream) -> bool:
        return True

    def _made(self, graph: fx.GraphModule) -> Callable[..., Any]:
        in_place = _writing(graph)
        if self._compiler is None:
            return in_place
        compiled: Callable[..., Any] = torch.compile(in_place, backend=self._compiler, fullgraph=True, dynamic=False)
        return compiled

    def _tune_and_run(self) -> None:
        """Choose kernels for this size, once; the graph that all sizes share stays as it is. If the whole cannot be compiled
        or run with what was chosen, it is run as it was."""
        as_it_was, self._run = self._run, self._tuned()
        try:
            self._run(*self._bound)
        except torch.OutOfMemoryError:
            raise
        except Exception as error:
            if self._run is as_it_was:
                raise
            log.warning("%s does not run with kernels chosen by timing, and runs without: %s", self._title, _first(error))
            self._run = as_it_was
            self._run(*self._bound)

    def _tuned(self) -> Callable[..., Any]:
        tuning, self._tuning = self._tuning, None
        if tuning is None:
            return self._run
        own = fx.Graph()
        own.output(own.graph_copy(self._graph.graph, {}))
        made = fx.GraphModule(self._graph, own)
        if not tuning.tune(made, self._size):
            return self._run
        log.info("%s: kernels chosen by timing should save %.0f microseconds", self._title, 1e6 * tuning.gained)
        return self._made(made)

    def _failed(self, error: Exception, first: bool) -> EngineError:
        if first and self._compiler is not None and not isinstance(error, torch.AcceleratorError):
            return EngineError(
                f"{self._title} could not be compiled ({_first(error)}): torch.compile needs Triton and a C compiler (install "
                f"gcc), or serve with --torch-compile false, which is slower"
            )
        return CudaError(f"{self._title} failed in torch: {_first(error)}")


def _writing(graph: fx.GraphModule) -> fx.GraphModule:
    """A copy with code of its own that shares the weights, and writes its outputs into as many more arguments.

    Of its own, since torch.compile keeps what it makes by the code, and only so much for each.
    """
    copied = fx.Graph()
    given: Any = copied.graph_copy(graph.graph, {})
    written = []
    for number, one in enumerate(given):
        last = list(copied.find_nodes(op="placeholder"))[-1]
        with copied.inserting_after(last):
            out = copied.placeholder(f"out_{number}")
        written.append(copied.call_function(torch.ops.aten.copy_.default, (out, one)))
    copied.output(tuple(written))
    copied.lint()
    return fx.GraphModule(graph, copied)


def _move(graph: fx.GraphModule, device: torch.device) -> None:
    """Put weights, and whatever else a graph makes for itself, onto a device."""

    def moved(value: Any) -> Any:
        return device if isinstance(value, torch.device) else value

    for node in graph.graph.nodes:
        node.args = fx.node.map_aggregate(node.args, moved)
        node.kwargs = fx.node.map_aggregate(node.kwargs, moved)
    graph.recompile()
    graph.to(device)


def _first(error: Exception) -> str:
    """The first line of what a library says, which is the one that says something; of a compiler's, not what it wraps."""
    error = getattr(error, "inner_exception", error)
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
