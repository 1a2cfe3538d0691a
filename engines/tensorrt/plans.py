"""The networks of a build, by TensorRT: plans to execution contexts, one for each graph and compiled size.

Both flavours have the same classes. TensorRT-RTX compiles kernels on the device when a context first runs; what it
compiled is kept in a file, so that the next start is quick.
"""

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..build_cache import COMPILED, KeptFiles
from ..errors import EngineError
from ..gpu.cuda import Address, Cuda, Stream
from ..gpu.network import Capture, Tensor
from ..ports import GRAPHS
from .facts import profile_sizes
from .flavour import Flavour

log = logging.getLogger(__name__)

Refit = Callable[[Any, str], None]
"""Gives an engine its weights: (engine, graph)."""


class Plans:
    """The plans of a build on a device, a student's four or others. Raises EngineError naming what does not fit.

    `refit` is for stripped plans; `compiled` is the folder for what the device compiles, which is else kept by the plans.
    """

    def __init__(
        self,
        cuda: Cuda,
        flavour: Flavour,
        logger: Any,
        folder: Path,
        batch_sizes: tuple[int, ...],
        precision: str,
        refit: Refit | None = None,
        compiled: Path | None = None,
        graphs: Sequence[str] = GRAPHS,
    ) -> None:
        self.backend, self.precision = flavour.name, precision
        self._flavour, self._logger, self._folder, self._sizes = flavour, logger, folder, tuple(sorted(batch_sizes))
        self._stream, self._ready, self._cuda = cuda.stream(), cuda.event(), cuda
        kept = re.sub(r"[^A-Za-z0-9]+", "-", cuda.name)
        self._compiled = {graph: (compiled or folder) / f"{graph}-{kept}{COMPILED}" for graph in graphs}
        self._kept = KeptFiles(compiled or folder, f"*{COMPILED}")
        self._kept.drop_changed()
        self._caches: dict[str, Any] = {}
        self._contexts: list[Context] = []
        self._configs: list[Any] = []
        self._engines: dict[str, Any] = {}
        self._runtime: Any = None
        try:
            self._runtime = self._start()
            for graph in graphs:
                self._engines[graph] = self._read(graph)
                if refit is not None:
                    refit(self._engines[graph], graph)
        except BaseException:
            self.close()
            raise

    def load(self, graph: str, size: int) -> "Context":
        engine = self._engines[graph]
        profile = profile_sizes(graph, self._sizes).index(size)
        context = self._context(graph, engine)
        if not context.set_optimization_profile_async(profile, self._stream):
            raise self._error(f"{graph} has no profile {profile} for ticks of {size}")
        self._cuda.record(self._ready, self._stream)
        self._cuda.synchronise(self._ready)
        made = Context(f"the {graph} network for {size} rows", engine, context, size, self._error)
        self._contexts.append(made)
        return made

    def captures(self, cuda: Cuda) -> Sequence[Capture]:
        return (cuda.capture,)  # all memory is ours

    def settled(self) -> None:
        for graph, cache in self._caches.items():
            try:
                self._compiled[graph].write_bytes(bytes(cache.serialize()))
                self._kept.note()
            except (OSError, TypeError) as error:  # the next start will be slow, and no worse
                log.warning("what was compiled for %s cannot be kept: %s", graph, error)

    def close(self) -> None:
        # contexts before their engines, engines before their runtime
        for context in self._contexts:
            context.close()
        self._contexts.clear()
        self._configs.clear()
        self._caches.clear()
        self._engines.clear()
        self._runtime = None

    def _start(self) -> Any:
        try:
            return self._flavour.module.Runtime(self._logger)
        except Exception as error:  # its constructor gives nothing, of which the bindings make errors of their own
            raise self._error(f"its runtime does not start, {error}: it needs a driver that supports its CUDA") from error

    def _read(self, graph: str) -> Any:
        path = self._folder / f"{graph}.plan"
        try:
            plan = path.read_bytes()
        except OSError as error:
            raise EngineError(f"the plan {path} cannot be read ({error}): delete {path.parent} and build again") from error
        if (why := self._invalid(plan)) is not None:
            raise EngineError(f"{path} cannot run here, {why}: build it again for this machine")
        engine = self._runtime.deserialize_cuda_engine(plan)
        if engine is None:
            raise self._error(f"{path} cannot be loaded: build it again for this machine")
        return engine

    def _invalid(self, plan: bytes) -> str | None:
        """What TensorRT-RTX says is wrong with a plan before it is loaded; TensorRT does not say."""
        if not hasattr(self._runtime, "get_engine_validity"):
            return None
        validity, found = self._runtime.get_engine_validity(plan)
        if validity != self._flavour.module.EngineValidity.INVALID:
            return None
        known = getattr(self._flavour.module, "EngineInvalidityDiagnostics", None)
        members = getattr(known, "__members__", {})
        names = [name for name, member in members.items() if int(found) & int(getattr(member, "value", member))]
        said = [*(name.lower().replace("_", " ") for name in names), *self._logger.errors]
        self._logger.errors = []
        return "; ".join(said) or f"{self._flavour.title} finds it invalid"

    def _context(self, graph: str, engine: Any) -> Any:
        module = self._flavour.module
        ours = module.ExecutionContextAllocationStrategy.USER_MANAGED
        if not hasattr(engine, "create_runtime_config"):
            context = engine.create_execution_context(ours)
        else:
            config = engine.create_runtime_config()
            self._configs.append(config)  # a context tells of its config, and need not keep it
            config.set_execution_context_allocation_strategy(ours)
            self._configure(graph, config)
            context = engine.create_execution_context(runtime_config=config)
        if context is None:
            raise self._error(f"no execution context can be made of the {graph} plan")
        return context

    def _configure(self, graph: str, config: Any) -> None:
        """What TensorRT-RTX must not leave for later: a captured graph stays what it was when it was captured."""
        module = self._flavour.module
        if hasattr(config, "dynamic_shapes_kernel_specialization_strategy"):
            config.dynamic_shapes_kernel_specialization_strategy = module.DynamicShapesKernelSpecializationStrategy.EAGER
        if hasattr(config, "cuda_graph_strategy"):
            config.cuda_graph_strategy = module.CudaGraphStrategy.DISABLED  # we capture the whole tick
        if hasattr(config, "create_runtime_cache"):
            if graph not in self._caches:
                self._caches[graph] = self._cache(graph, config)
            config.set_runtime_cache(self._caches[graph])

    def _cache(self, graph: str, config: Any) -> Any:
        cache, path = config.create_runtime_cache(), self._compiled[graph]
        if path.exists() and not cache.deserialize(path.read_bytes()):
            log.info("%s is of another driver or version, and is made again", path)
        return cache

    def _error(self, what: str) -> EngineError:
        said = "; ".join(self._logger.errors)
        self._logger.errors = []
        return EngineError(f"{self._flavour.title}: {what}{f' ({said})' if said else ''}")


class Context:
    """One execution context at one size: a `Network`."""

    def __init__(self, title: str, engine: Any, context: Any, size: int, error: Callable[[str], EngineError]) -> None:
        self._title, self._context, self._error = title, context, error
        self.tensors = _tensors(engine, context, size)
        # of the largest profile: less would do for this one, but it is shared with that anyway
        self.scratch = int(engine.device_memory_size_v2)

    def bind(self, addresses: Mapping[str, Address], scratch: Address) -> None:
        for name in self.tensors:
            if not self._context.set_tensor_address(name, addresses[name]):
                raise self._error(f"{self._title} does not take an address for {name}")
        if self.scratch:
            self._context.set_device_memory(scratch, self.scratch)

    def enqueue(self, stream: Stream) -> None:
        if not self._context.execute_async_v3(stream):
            raise self._error(f"{self._title} could not be run")

    def may_be_captured(self, stream: Stream) -> bool:
        # TensorRT of other versions does not say, and fails in the capture if it cannot
        return not hasattr(self._context, "is_stream_capturable") or bool(self._context.is_stream_capturable(stream))

    def close(self) -> None:
        self._context = None


def _tensors(engine: Any, context: Any, size: int) -> dict[str, Tensor]:
    """The engine's inputs and outputs, whose batch is set to the size."""
    tensors = {}
    names = [engine.get_tensor_name(index) for index in range(engine.num_io_tensors)]
    outputs = {name for name in names if engine.get_tensor_mode(name).name == "OUTPUT"}
    for name in names:
        if name not in outputs:
            context.set_input_shape(name, (size, *tuple(engine.get_tensor_shape(name))[1:]))
    for name in names:
        dtype = np.dtype(_TYPES.get(engine.get_tensor_dtype(name).name, np.void))
        tensors[name] = Tensor(dtype, tuple(int(side) for side in context.get_tensor_shape(name)), name in outputs)
    return tensors


_TYPES: dict[str, Any] = {
    "FLOAT": np.float32, "HALF": np.float16, "UINT8": np.uint8, "INT32": np.int32, "INT64": np.int64,
}  # fmt: skip
"""TensorRT's names; what is not here is none of ours."""
