"""Torch's networks at raw addresses: what they read and write, and what they say when they cannot."""

import copy
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from engines.errors import EngineError
from engines.examples import example_inputs
from engines.gpu.cuda import CudaError, OutOfDeviceMemory, Stream
from engines.graphs import ports
from engines.options import TorchOptions
from engines.pytorch.modules import read_modules
from engines.pytorch.networks import TorchNetwork, TorchNetworks, TypedGraph, typed_graphs
from engines.pytorch.opening import keep_compiled
from engines.student import Student
from tests.engines.gpu.double import CudaDouble
from tests.engines.pytorch.onhost import HostPlace

FLOAT32 = TorchOptions("fp32", compile=False)


@pytest.fixture(scope="module")
def graphs(student: Student) -> Callable[..., dict[str, TypedGraph]]:
    """`graphs()`: typed in float32, for networks of their own, which take weights over."""
    torch.set_num_threads(1)
    made = {precision: typed_graphs(student, TorchOptions(precision)) for precision in ("fp32", "fp16")}

    def copies(precision: str = "fp32") -> dict[str, TypedGraph]:
        return {name: replace(graph, graph=copy.deepcopy(graph.graph)) for name, graph in made[precision].items()}

    return copies


@dataclass
class Bound:
    """A network bound to arrays of its own."""

    network: TorchNetwork
    arrays: dict[str, NDArray[Any]]

    @staticmethod
    def of(networks: TorchNetworks, graph: str, size: int) -> "Bound":
        network = networks.load(graph, size)
        arrays = {name: np.zeros(tensor.shape, tensor.dtype) for name, tensor in network.tensors.items()}
        network.bind({name: array.ctypes.data for name, array in arrays.items()}, 0)
        return Bound(network, arrays)

    def run(self, **inputs: NDArray[Any]) -> NDArray[Any]:
        for name, value in inputs.items():
            self.arrays[name][...] = value
        self.network.enqueue(Stream(7))
        (output,) = (name for name, tensor in self.network.tensors.items() if tensor.output)
        return self.arrays[output].copy()


def test_what_is_bound(graphs: Callable[..., dict[str, TypedGraph]], student: Student) -> None:
    """Networks take what the graphs take, less what re-noising wants, which is done outside."""
    networks = TorchNetworks(graphs(), HostPlace(), FLOAT32)
    shapes = {
        name: {one: (str(tensor.dtype), tensor.shape, tensor.output) for one, tensor in networks.load(name, 3).tensors.items()}
        for name in ("text", "encode", "denoise", "decode")
    }
    pixels, latents = (3, student.height, student.width, 3), (3, *student.latent_shape)
    assert shapes == {
        "text": {"ids": ("int64", (3, 24), False), "conditioning": ("float32", (3, 24, 128), True)},
        "encode": {"pixels": ("uint8", pixels, False), "latents": ("float32", latents, True)},
        "denoise": {
            "x": ("float32", latents, False),
            "conditioning": ("float32", (3, 24, 128), False),
            **dict.fromkeys(("t", "A", "B"), ("float32", (3,), False)),
            "x0": ("float32", latents, True),
        },
        "decode": {"latents": ("float32", latents, False), "pixels": ("uint8", pixels, True)},
    }
    networks.close()


def tensors_of(student: Student, rows: int) -> dict[str, dict[str, torch.Tensor]]:
    made = example_inputs(ports(student), rows)
    return {graph: {name: torch.from_numpy(array) for name, array in given.items()} for graph, given in made.items()}


@pytest.mark.parametrize("compiler", [None, "aot_eager"])
def test_outputs_are_written_where_they_are_bound(
    graphs: Callable[..., dict[str, TypedGraph]], student: Student, compiler: str | None
) -> None:
    """Sizes beside each other give what the reference's modules give, run after run, compiled or not."""
    options = TorchOptions("fp32", compile=compiler is not None)
    networks = TorchNetworks(graphs(), HostPlace(), options, backend=compiler or "")
    modules, inputs = read_modules(student), tensors_of(student, 3)["denoise"]
    bound = {size: Bound.of(networks, "denoise", size) for size in (1, 3)}
    for seed in (1, 2):
        inputs["x"] = torch.randn(inputs["x"].shape, generator=torch.Generator().manual_seed(seed))
        wanted = modules.denoise(*inputs.values())[0].numpy()
        for size, network in bound.items():
            taken = {name: value[:size].numpy() for name, value in inputs.items() if name in network.arrays}
            np.testing.assert_allclose(network.run(**taken), wanted[:size], atol=2e-4)
    networks.close()


def test_kernels_are_compiled_once_and_kept(
    graphs: Callable[..., dict[str, TypedGraph]],
    student: Student,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What inductor makes of a graph in half precision is right, and a second start finds it where it was kept."""
    if shutil.which("g++") is None:
        pytest.skip("there is no C++ compiler, of which inductor makes a processor's kernels")
    from torch._dynamo.utils import counters

    monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR", raising=False)
    monkeypatch.setenv("TRITON_CACHE_DIR", "")
    keep_compiled(tmp_path_factory.mktemp("compiled"))
    options = TorchOptions("fp16")
    pixels = tensors_of(student, 1)["encode"]["pixels"]
    wanted = read_modules(student).encode(pixels).numpy()
    for found in (0, 1):
        torch.compiler.reset()
        counters.clear()
        said: list[str] = []
        networks = TorchNetworks(graphs("fp16"), HostPlace(), options, said.append)
        network = Bound.of(networks, "encode", 1)
        for _ in range(2):
            got = network.run(pixels=pixels.numpy())
        assert np.abs(got - wanted).max() < 0.01
        assert said == ["compiling the encode network for 1 rows"]
        assert counters["inductor"]["fxgraph_cache_hit"] == found
        networks.close()


def test_prompts_are_not_compiled(graphs: Callable[..., dict[str, TypedGraph]]) -> None:
    said: list[str] = []
    networks = TorchNetworks(graphs(), HostPlace(), TorchOptions("fp32"), said.append, backend="no such compiler")
    Bound.of(networks, "text", 1).run()
    assert said == []
    networks.close()


def test_what_cannot_be_compiled_says_what_to_do(graphs: Callable[..., dict[str, TypedGraph]]) -> None:
    """A compiler that fails is an error with its own words and the way around it, each time. Nothing slower is run."""

    def broken(graph: Any, inputs: Any) -> Any:
        raise RuntimeError("no compiler here\nand more")

    networks = TorchNetworks(graphs(), HostPlace(), TorchOptions("fp32"), print, backend=broken)  # type: ignore[arg-type]
    network = Bound.of(networks, "encode", 2)
    for _ in range(2):
        with pytest.raises(
            EngineError, match=r"encode network for 2 rows could not be compiled .*no compiler.*--torch-compile"
        ):
            network.run()
    networks.close()


@pytest.mark.parametrize(
    ("raised", "expected", "words"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried 2 GiB"), OutOfDeviceMemory, "Tried 2 GiB.*smaller ticks"),
        (torch.AcceleratorError("CUDA error: misaligned address"), CudaError, "decode network for 1 rows failed.*misaligned"),
        (ValueError(), CudaError, "ValueError"),
    ],
)
def test_what_torch_raises(
    graphs: Callable[..., dict[str, TypedGraph]], raised: Exception, expected: type[EngineError], words: str
) -> None:
    """Whatever goes wrong in a run is one of the runtime's errors, and the next run is right."""
    networks = TorchNetworks(graphs(), HostPlace(), FLOAT32)
    network = Bound.of(networks, "decode", 1)
    expected_pixels = network.run()
    run = network.network._run

    def fail(*_: Any) -> None:
        raise raised

    network.network._run = fail
    with pytest.raises(expected, match=words):
        network.run()
    network.network._run = run
    network.arrays["pixels"][...] = 0
    np.testing.assert_array_equal(network.run(), expected_pixels)
    networks.close()


def test_runs_are_given_to_the_runtimes_stream(graphs: Callable[..., dict[str, TypedGraph]]) -> None:
    """Torch is told the stream for each run, memory for each capture, and gives back what first runs used."""
    place = HostPlace()
    networks = TorchNetworks(graphs(), place, FLOAT32)
    Bound.of(networks, "decode", 1).run()
    double = CudaDouble()
    pooled, _ = networks.captures(double)
    pooled(double.stream(), lambda: place.calls.append("filled"))
    networks.settled()
    networks.close()
    networks.close()
    assert place.calls == ["on 7", "pooled", "filled", "out of the pool", "trim", "close"]
    assert double.calls == ["stream", "capture", "instantiate"]


def test_sizes_share_weights_and_closing_frees_them(graphs: Callable[..., dict[str, TypedGraph]]) -> None:
    """A size more costs no weights, and after closing no memory is left in any."""
    made = graphs()
    networks = TorchNetworks(made, HostPlace(), FLOAT32)
    one, other = (list(networks.load("denoise", size)._run.buffers()) for size in (1, 2))  # type: ignore[attr-defined]
    assert {weight.data_ptr() for weight in one} == {weight.data_ptr() for weight in other}
    assert sum(weight.nbytes for weight in one) == made["denoise"].size > 10**6
    networks.close()
    assert sum(weight.nbytes for weight in (*one, *other)) == 0


def test_everything_moves_to_the_device(graphs: Callable[..., dict[str, TypedGraph]], student: Student) -> None:
    """No graph makes anything on the processor once it is elsewhere: on the device that has no memory all of them run."""
    place = HostPlace()
    place.device = torch.device("meta")
    networks = TorchNetworks(graphs(), place, FLOAT32)
    for name in ("text", "encode", "denoise", "decode"):
        network = networks.load(name, 2)
        network._bound = [torch.empty(one.shape, dtype=getattr(torch, str(one.dtype)), device="meta")
                          for one in network.tensors.values()]  # fmt: skip
        network.enqueue(Stream(1))
    networks.close()


def test_weights_beyond_the_devices_memory(
    graphs: Callable[..., dict[str, TypedGraph]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried 5 GiB")

    monkeypatch.setattr(torch.fx.GraphModule, "to", full)
    with pytest.raises(OutOfDeviceMemory, match=r"weights do not fit.*Tried 5 GiB"):
        TorchNetworks(graphs(), HostPlace(), FLOAT32)


def test_kernels_are_chosen_in_the_first_run(graphs: Callable[..., dict[str, TypedGraph]]) -> None:
    """On a place with a clock, once for each network and size, and not in the graph that the sizes share."""
    place = HostPlace()
    timed: list[float] = []

    def seconds(run: Callable[[], Any]) -> float:
        run()
        timed.append(1.0 / (1 + len(timed)))  # whatever comes later is quicker
        return timed[-1]

    place.seconds = seconds
    made = graphs("fp16")
    networks = TorchNetworks(made, place, TorchOptions(compile=False))
    shared = made["denoise"].graph.code
    network = Bound.of(networks, "denoise", 1)
    network.run()
    asked = len(timed)
    assert asked > 0
    network.run()
    assert len(timed) == asked
    assert made["denoise"].graph.code == shared
    assert networks.timed[0].chosen == "efficient"
    networks.close()


def test_what_was_chosen_and_does_not_run_is_left(
    graphs: Callable[..., dict[str, TypedGraph]], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A network that cannot be compiled with kernels chosen by timing runs as it was, and that is said once."""
    expected = Bound.of(TorchNetworks(graphs("fp16"), HostPlace(), TorchOptions(compile=False)), "denoise", 1).run()
    place = HostPlace()
    times = iter([2.0**-n for n in range(1000)])  # whatever comes later is quicker

    def seconds(run: Callable[[], Any]) -> float:
        run()
        return next(times)

    place.seconds = seconds
    networks = TorchNetworks(graphs("fp16"), place, TorchOptions(compile=False))
    network = Bound.of(networks, "denoise", 1)

    def unable(*_: Any) -> None:
        raise RuntimeError("no lowering for allaprima.attention")

    monkeypatch.setattr(TorchNetwork, "_made", lambda *_: unable)
    for _ in range(2):
        np.testing.assert_array_equal(network.run(), expected)
    assert [record.message for record in caplog.records if record.levelname == "WARNING"] == [
        "the denoise network for 1 rows does not run with kernels chosen by timing, and runs without: no lowering for "
        "allaprima.attention"
    ]
    networks.close()
