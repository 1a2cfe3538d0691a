"""One graph to one plan: what TensorRT is asked for, and what it says when it refuses."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import EngineError
from ...options import TensorRtOptions
from ..facts import workspace_bytes
from ..flavour import Flavour
from ..gpus import PORTABLE, named_ahead
from .timing import TimingCache

_ERRORS_NAMED = 5


@dataclass(frozen=True)
class Order:
    """What to build: a typed graph, for ticks of these sizes, on these GPUs. `name` says which graph of which student."""

    name: str
    graph: Path
    sizes: tuple[int, ...]
    gpus: tuple[str, ...]
    options: TensorRtOptions
    refittable: tuple[str, ...] = ()


def write_plan(flavour: Flavour, logger: Any, monitor: Any, timings: TimingCache, order: Order, plan: Path) -> None:
    """Build and write a plan. Raises EngineError naming what TensorRT rejects, and OSError where it cannot be written."""
    trt = flavour.module
    try:
        builder = trt.Builder(logger)
    except TypeError as error:  # how its bindings say that there is none
        raise EngineError(f"{flavour.title} cannot build here: {_logged(logger)}. Is there a GPU with its driver?") from error
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, logger)
    # from its file, beside which lie weights of more than a protobuf holds
    if not parser.parse_from_file(str(order.graph)):
        raise EngineError(
            f"{flavour.title} rejects the {order.name}: {_rejected(parser)}. Use another version of it, or --engine torch"
        )
    config = builder.create_builder_config()
    config.progress_monitor = monitor
    _configure(flavour, config, order.options)
    _target(flavour, config, order.gpus)
    if order.options.stripped:
        _strip(flavour, network, config, order.refittable)
    for size in order.sizes:
        config.add_optimization_profile(_profile(builder, network, size))
    timings.lend(config)
    built = builder.build_serialized_network(network, config)
    if built is None:
        hint = (
            ". Plans without weights are built on a GPU: leave out their stripping"
            if order.options.stripped
            else ". It may want for memory (bound it with --workspace), or lack a layer in this precision (--precision)"
        )
        raise EngineError(f"{flavour.title} could not build the {order.name}: {_logged(logger)}{hint}")
    timings.keep(config)
    plan.write_bytes(memoryview(built))


def _configure(flavour: Flavour, config: Any, options: TensorRtOptions) -> None:
    trt = flavour.module
    if options.level is not None:
        config.builder_optimization_level = options.level
    if (workspace := workspace_bytes(options)) is not None:
        config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, workspace)
    if options.precision == "fp32":
        config.clear_flag(trt.BuilderFlag.TF32)  # asked for by who wants to compare
    if hasattr(trt.BuilderFlag, "REQUIRE_USER_ALLOCATION"):
        # what allocates while it runs cannot be captured in a graph; of RTX alone
        config.set_flag(trt.BuilderFlag.REQUIRE_USER_ALLOCATION)


def _target(flavour: Flavour, config: Any, gpus: tuple[str, ...]) -> None:
    trt = flavour.module
    if PORTABLE in gpus:
        config.hardware_compatibility_level = trt.HardwareCompatibilityLevel.AMPERE_PLUS
    elif flavour.rtx:
        config.num_compute_capabilities = len(gpus)
        for i, gpu in enumerate(gpus):
            name = gpu.upper() if gpu in named_ahead(flavour) else "CURRENT"
            if not config.set_compute_capability(getattr(trt.ComputeCapability, name), i):
                raise EngineError(f"{flavour.title} does not build for {gpu}")


def _strip(flavour: Flavour, network: Any, config: Any, weights: tuple[str, ...]) -> None:
    flags = flavour.module.BuilderFlag
    config.set_flag(flags.STRIP_PLAN)
    config.set_flag(flags.REFIT_INDIVIDUAL)
    for name in weights:
        network.mark_weights_refittable(name)


def _profile(builder: Any, network: Any, size: int) -> Any:
    """A profile of one batch: known shapes make faster kernels than a range of them."""
    profile = builder.create_optimization_profile()
    for i in range(network.num_inputs):
        tensor = network.get_input(i)
        shape = (size, *tuple(tensor.shape)[1:])
        profile.set_shape(tensor.name, shape, shape, shape)
    return profile


def _rejected(parser: Any) -> str:
    """The parser's errors, each with its node."""
    errors = [parser.get_error(i) for i in range(parser.num_errors)]
    named = [
        f"{error.node_operator() or 'the file'} {error.node_name()!r} ({error.code().name.lower().replace('_', ' ')}: "
        f"{error.desc().strip().splitlines()[0]})"
        for error in errors[:_ERRORS_NAMED]
    ]
    more = f", and {len(errors) - _ERRORS_NAMED} more" if len(errors) > _ERRORS_NAMED else ""
    return "; ".join(named) + more if named else "without a reason"


def _logged(logger: Any) -> str:
    return "; ".join(logger.errors) or "it does not say why"
