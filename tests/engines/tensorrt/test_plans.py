"""Plans to execution contexts, on doubles of TensorRT's classes: which profile, which addresses, and what is refused."""

import gc
import logging
import weakref
from enum import IntEnum
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from engines.errors import EngineError
from engines.tensorrt.flavour import Flavour
from engines.tensorrt.plans import Plans
from tests.engines.gpu.double import CudaDouble
from tests.engines.gpu.studio import small
from tests.engines.gpu.toy import tensors

Validity = IntEnum("Validity", {"VALID": 0, "SUBOPTIMAL": 1, "INVALID": 2})
Diagnostics = IntEnum("Diagnostics", {"VERSION_MISMATCH": 1, "UNSUPPORTED_CC": 2, "OLD_CUDA_DRIVER": 4})
_TYPES = {"float32": "FLOAT", "uint8": "UINT8", "int64": "INT64"}
SIZES = (1, 4)


class Context:
    def __init__(self, engine: "Engine", given: Any) -> None:
        self.engine, self.given = engine, given
        self.profile = -1
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.addresses: dict[str, int] = {}
        self.memory: tuple[int, int] | None = None
        self.streams: list[int] = []

    def set_optimization_profile_async(self, profile: int, stream: int) -> bool:
        self.profile = profile
        return profile < self.engine.profiles

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        self.shapes[name] = shape
        return True

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        batch = next(iter(self.shapes.values()))[0]
        return (batch, *self.engine.get_tensor_shape(name)[1:])

    def set_tensor_address(self, name: str, address: int) -> bool:
        self.addresses[name] = address
        return name in self.engine.known

    def set_device_memory(self, address: int, size: int) -> None:
        self.memory = (address, size)

    def execute_async_v3(self, stream: int) -> bool:
        self.streams.append(stream)
        return not self.engine.broken


class Engine:
    """An ICudaEngine of one graph of the small student."""

    device_memory_size_v2 = 4096
    broken = False

    def __init__(self, graph: str, profiles: int = 2) -> None:
        self.known = tensors(small(), graph, 9)
        self.profiles = profiles
        self.num_io_tensors = len(self.known)
        self.contexts: list[Context] = []

    def get_tensor_name(self, index: int) -> str:
        return list(self.known)[index]

    def get_tensor_mode(self, name: str) -> Any:
        return SimpleNamespace(name="OUTPUT" if self.known[name].output else "INPUT")

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        return (-1, *self.known[name].shape[1:])

    def get_tensor_dtype(self, name: str) -> Any:
        return SimpleNamespace(name=_TYPES[self.known[name].dtype.name])

    def create_execution_context(self, strategy: Any) -> Context | None:
        self.contexts.append(Context(self, strategy))
        return self.contexts[-1]


class Cache:
    def __init__(self) -> None:
        self.held = b""

    def deserialize(self, blob: bytes) -> bool:
        self.held = blob
        return blob.startswith(b"ours")

    def serialize(self) -> bytes:
        return b"ours: compiled"


class Config:
    """TensorRT-RTX's IRuntimeConfig."""

    cuda_graph_strategy = dynamic_shapes_kernel_specialization_strategy = "its own"

    def set_execution_context_allocation_strategy(self, strategy: Any) -> None:
        self.strategy = strategy

    def create_runtime_cache(self) -> Cache:
        return Cache()

    def set_runtime_cache(self, cache: Cache) -> bool:
        self.cache = cache
        return True


class RtxEngine(Engine):
    def create_runtime_config(self) -> Config:
        return Config()

    def create_execution_context(self, runtime_config: Any = None) -> Context | None:
        return super().create_execution_context(runtime_config)


class Logger:
    def __init__(self) -> None:
        self.errors: list[str] = []


class Studio:
    """Plans of the small student in a folder, and a TensorRT that reads them."""

    def __init__(self, folder: Path, rtx: bool = False) -> None:
        self.cuda, self.folder, self.logger, self.rtx = CudaDouble(), folder, Logger(), rtx
        kind = RtxEngine if rtx else Engine
        self.engines = {graph: kind(graph) for graph in ("text", "encode", "denoise", "decode")}
        self.found: int | None = None
        for graph in self.engines:
            (folder / f"{graph}.plan").write_bytes(graph.encode())

    def deserialize_cuda_engine(self, plan: bytes) -> Engine | None:
        engine = self.engines.get(plan.decode())
        if engine is None:
            self.logger.errors.append("expecting compute 8.9 got compute 8.6, please rebuild")
        return engine

    def open(self, refit: Any = None, sizes: tuple[int, ...] = SIZES, compiled: Path | None = None) -> Plans:
        runtime = SimpleNamespace(deserialize_cuda_engine=self.deserialize_cuda_engine)
        if self.rtx:
            runtime.get_engine_validity = lambda plan: (
                Validity.VALID if self.found is None else Validity.INVALID,
                self.found or 0,
            )
        module = SimpleNamespace(
            Runtime=lambda logger: runtime,
            ExecutionContextAllocationStrategy=SimpleNamespace(USER_MANAGED="ours"),
            DynamicShapesKernelSpecializationStrategy=SimpleNamespace(EAGER="eager"),
            CudaGraphStrategy=SimpleNamespace(DISABLED="disabled"),
            EngineValidity=Validity,
            EngineInvalidityDiagnostics=Diagnostics,
        )
        flavour = Flavour("tensorrt_rtx" if self.rtx else "tensorrt", "10.9", module)
        return Plans(self.cuda, flavour, self.logger, self.folder, sizes, "fp16", refit, compiled)


@pytest.fixture(params=[False, True], ids=["tensorrt", "rtx"])
def studio(request: pytest.FixtureRequest, tmp_path: Path) -> Studio:
    return Studio(tmp_path, request.param)


def test_a_network_has_its_sizes_profile_and_shapes(studio: Studio) -> None:
    """The network of a size runs the profile of that size, with every input at that batch."""
    plans = studio.open()
    network = plans.load("denoise", 4)
    (context,) = studio.engines["denoise"].contexts
    assert context.profile == 1
    assert studio.cuda.synchronisations == 1  # a profile is set on a stream: nothing may run before it is
    assert network.tensors == tensors(small(), "denoise", 4)
    assert context.shapes["x"] == (4, 4, 8, 8)
    assert (plans.load("text", 1).tensors["ids"].shape, studio.engines["text"].contexts[0].profile) == ((1, 24), 0)


def test_a_network_is_bound_and_run(studio: Studio) -> None:
    """A network's tensors and scratch are where they were bound, and it runs on the stream that it is given."""
    network = studio.open().load("decode", 1)
    network.bind({"latents": 512, "pixels": 1024, "more": 0}, 4096)
    network.enqueue(studio.cuda.stream())
    (context,) = studio.engines["decode"].contexts
    assert context.addresses == {"latents": 512, "pixels": 1024}
    assert context.memory == (4096, network.scratch)
    assert len(context.streams) == 1


def test_a_context_is_asked_whether_it_may_be_captured(studio: Studio) -> None:
    """TensorRT's own answer, for the stream that would capture; where it gives none, it is tried."""
    network = studio.open().load("denoise", 1)
    stream = studio.cuda.stream()
    assert network.may_be_captured(stream)
    asked: list[int] = []
    network._context.is_stream_capturable = lambda stream: bool(asked.append(stream))
    assert not network.may_be_captured(stream)
    assert asked == [stream]


def test_the_memory_is_ours(studio: Studio) -> None:
    """Contexts allocate nothing of their own: all of an engine share one scratch."""
    studio.open().load("encode", 1)
    given = studio.engines["encode"].contexts[0].given
    assert (given.strategy if studio.rtx else given) == "ours"


def test_rtx_leaves_nothing_for_later(tmp_path: Path) -> None:
    """TensorRT-RTX compiles for a shape before it runs it, and leaves the capturing to us."""
    studio = Studio(tmp_path, rtx=True)
    studio.open().load("denoise", 4)
    config = studio.engines["denoise"].contexts[0].given
    assert config.dynamic_shapes_kernel_specialization_strategy == "eager"
    assert config.cuda_graph_strategy == "disabled"


def test_a_config_outlives_its_context(tmp_path: Path) -> None:
    """A context refers to the config that it was made of: that is there as long as the plans are open."""
    studio = Studio(tmp_path, rtx=True)
    plans = studio.open()
    plans.load("denoise", 4)
    (context,) = studio.engines["denoise"].contexts
    config = weakref.ref(context.given)
    context.given = None
    gc.collect()
    assert config() is not None
    plans.close()
    gc.collect()
    assert config() is None


def test_what_rtx_compiled_is_kept(tmp_path: Path) -> None:
    """What was compiled on the device is written when the engine is warm, one file a graph, and read at the next start."""
    first = Studio(tmp_path, rtx=True)
    plans = first.open()
    for size in SIZES:
        plans.load("denoise", size)
    plans.settled()
    assert len({id(context.given.cache) for context in first.engines["denoise"].contexts}) == 1
    (kept,) = tmp_path.glob("*.compiled")
    assert kept.name == "denoise-a-double.compiled"
    again = Studio(tmp_path, rtx=True)
    again.open().load("denoise", 1)
    assert again.engines["denoise"].contexts[0].given.cache.held == b"ours: compiled"


def test_what_rtx_compiled_is_kept_elsewhere(tmp_path: Path) -> None:
    """Where plans lie in a folder that is only read, what the device compiles is kept in another, and read from there."""
    plans, compiled = tmp_path / "plans", tmp_path / "compiled"
    plans.mkdir()
    compiled.mkdir()
    first = Studio(plans, rtx=True).open(compiled=compiled)
    first.load("denoise", 1)
    first.settled()
    assert sorted(path.name for path in compiled.iterdir()) == ["denoise-a-double.compiled", "kept.json"]
    assert not list(plans.glob("*.compiled"))
    again = Studio(plans, rtx=True)
    again.open(compiled=compiled).load("denoise", 1)
    assert again.engines["denoise"].contexts[0].given.cache.held == b"ours: compiled"


def test_what_rtx_compiled_has_changed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What was compiled on the device and is not what was kept is compiled again, which one line says."""
    first = Studio(tmp_path, rtx=True).open()
    first.load("denoise", 1)
    first.settled()
    (tmp_path / "denoise-a-double.compiled").write_bytes(b"ours: cnmpiled")
    again = Studio(tmp_path, rtx=True)
    again.open().load("denoise", 1)
    assert again.engines["denoise"].contexts[0].given.cache.held != b"ours: cnmpiled"
    assert caplog.messages == [f"{tmp_path} is not what was kept there (denoise-a-double.compiled): it is made again"]


def test_what_cannot_be_kept(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What was compiled by another version, or cannot be written, costs time at the next start and nothing else."""
    (tmp_path / "denoise-a-double.compiled").write_bytes(b"another's")
    studio = Studio(tmp_path, rtx=True)
    plans = studio.open()
    with caplog.at_level(logging.INFO):
        plans.load("denoise", 1)
        (tmp_path / "denoise-a-double.compiled").unlink()
        (tmp_path / "denoise-a-double.compiled").mkdir()
        plans.settled()
    assert [record.levelname for record in caplog.records] == ["INFO", "WARNING"]


def test_stripped_plans_are_refitted(studio: Studio) -> None:
    """Every engine is given its weights before anything is made of it."""
    given: list[tuple[Any, str]] = []
    studio.open(lambda engine, graph: given.append((engine, graph)))
    assert given == [(engine, graph) for graph, engine in studio.engines.items()]


def test_a_plan_that_is_not_there(studio: Studio) -> None:
    """A missing plan is named, with what to delete."""
    (studio.folder / "decode.plan").unlink()
    with pytest.raises(EngineError, match=r"decode\.plan cannot be read .*delete .* and build again"):
        studio.open()


def test_a_plan_that_cannot_be_loaded(studio: Studio) -> None:
    """A plan that TensorRT does not take is named, with TensorRT's own words and its version."""
    (studio.folder / "denoise.plan").write_bytes(b"of another GPU")
    version = "TensorRT-RTX 10.9" if studio.rtx else "TensorRT 10.9"
    with pytest.raises(EngineError, match=rf"{version}: .*denoise\.plan cannot be loaded.*expecting compute 8.9"):
        studio.open()


@pytest.mark.parametrize(("found", "said"), [(2, "unsupported cc"), (5, "version mismatch; old cuda driver"), (0, "invalid")])
def test_a_plan_that_rtx_finds_invalid(tmp_path: Path, found: int, said: str) -> None:
    """Of a plan that is for another GPU or version, TensorRT-RTX's own finding is in the error."""
    studio = Studio(tmp_path, rtx=True)
    studio.found = found
    with pytest.raises(EngineError, match=rf"text\.plan cannot run here, .*{said}.*: build it again for this machine"):
        studio.open()


def test_a_runtime_that_does_not_start(tmp_path: Path) -> None:
    """A TensorRT that does not start, as without a driver, says what it lacks."""

    def fail(logger: Any) -> Any:
        raise TypeError("factory function returned nullptr")

    studio = Studio(tmp_path)
    with pytest.raises(EngineError, match=r"runtime does not start.*driver"):
        Plans(studio.cuda, Flavour("tensorrt", "10.9", SimpleNamespace(Runtime=fail)), studio.logger, tmp_path, SIZES, "fp16")


def test_what_a_network_refuses(studio: Studio) -> None:
    """A profile, an address or a run that TensorRT refuses is an error that names the network."""
    studio.engines["encode"].profiles = 1
    plans = studio.open()
    with pytest.raises(EngineError, match="encode has no profile 1 for ticks of 4"):
        plans.load("encode", 4)
    network = plans.load("decode", 4)
    del studio.engines["decode"].known["pixels"]
    with pytest.raises(EngineError, match="the decode network for 4 rows does not take an address for pixels"):
        network.bind({"latents": 512, "pixels": 1024}, 4096)
    studio.engines["decode"].broken = True
    studio.logger.errors = ["myelin: out of memory"]
    with pytest.raises(EngineError, match=r"the decode network for 4 rows could not be run \(myelin: out of memory\)"):
        network.enqueue(studio.cuda.stream())


def test_closing(studio: Studio) -> None:
    """When plans are closed no context is held any more, and closing again is nothing."""
    plans = studio.open()
    network = plans.load("decode", 4)
    plans.close()
    plans.close()
    assert network._context is None
