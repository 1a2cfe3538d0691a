"""What every engine must hold, held by the ticks of a GPU with torch's networks in them, on a double of the device."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch

from engines.engine import Engine
from engines.gpu.cuda import CudaError, OutOfDeviceMemory
from engines.gpu.engine import GpuEngine
from engines.options import TorchOptions
from engines.student import Student
from tests.engines.gpu.double import CudaDouble
from tests.engines.gpu.suite import Easel, every_engines_tests, image, two_steps_are_two_times_one
from tests.engines.gpu.toy import tokens_of
from tests.engines.pytorch.onhost import DeferredNetworks

globals().update(every_engines_tests())

SIZES = (1, 2, 4)


class Near(Easel):
    """Products of other batch sizes sum in another order."""

    levels = 1


@pytest.fixture(scope="module")
def double() -> CudaDouble:
    return CudaDouble()


def open_on(double: CudaDouble, student: Student, sizes: tuple[int, ...], options: TorchOptions) -> GpuEngine:
    torch.set_num_threads(1)
    return GpuEngine(student, sizes, DeferredNetworks(double, student, options), double, tokens_of(student))


@pytest.fixture(scope="module")
def engine(double: CudaDouble, student: Student) -> Iterator[GpuEngine]:
    made = open_on(double, student, SIZES, TorchOptions("fp32", compile=False))
    yield made
    made.close()


@pytest.fixture
def easel(engine: GpuEngine) -> Easel:
    return Near("torch", engine)


def test_two_steps_are_two_times_one(engine: GpuEngine, easel: Easel, double: CudaDouble, two_steps: Student) -> None:
    """A job of two steps is the first step's picture, re-noised by the contract's numbers, painted by the second step."""
    slots, shape = engine._buffers.at["slots"], engine.student.latent_shape
    size = engine._buffers.layout.latent_bytes
    two_steps_are_two_times_one(engine, easel, two_steps, lambda slot: double.look(slots + slot * size, shape))


@pytest.mark.parametrize(("options", "most", "average"), [
    (TorchOptions("fp32"), 1, 0.01),
    (TorchOptions(), 6, 0.3),
    (TorchOptions(fp8=True), 40, 1.0),
])  # fmt: skip
def test_the_pixels_of_the_reference(
    student: Student, picture: Any, get_engine: Callable[[str], Engine], options: TorchOptions, most: int, average: float
) -> None:
    """A still and a repainting are those of the reference in float32: the same, in half precision and in fp8 near."""
    engine, reference = open_on(CudaDouble(), student, (2,), options), get_engine("torch")
    prompt, contract = reference.condition("a red heart, neon"), student.contract
    easel = Easel("torch", reference)
    rows = [easel.still("a red heart, neon", 5)[0], easel.repaint(picture(1), 0.6, "a red heart, neon", 5)[0]]
    assert (rows[0].conditioning == prompt).all()
    assert rows[1].step == contract.repaint(0.6)[0]
    for _ in range(2):  # call by call, and as a graph
        for got, true in zip(engine.tick(rows), reference.tick(rows), strict=True):
            off = np.abs(image(got).astype(int) - image(true).astype(int))
            assert int(off.max()) <= most
            assert float(off.mean()) < average
    assert engine.backend == "torch"
    assert engine.precision == {"fp32": "fp32"}.get(options.precision, "fp16 and fp8" if options.fp8 else "fp16")
    engine.close()


def test_memory_is_ready_for_each_capture(student: Student) -> None:
    """Every graph is captured within a pool of torch's, and what first runs used is given back once all are captured."""
    double = CudaDouble()
    engine = open_on(double, student, (1,), TorchOptions("fp32"))
    networks = engine._networks
    assert isinstance(networks, DeferredNetworks)
    engine.warm_up()
    assert double.calls.count("capture") == len(engine._graphs) == 2
    calls = [call for call in networks.place.calls if not call.startswith("on ")]
    assert calls == ["pooled", "out of the pool"] * 2 + ["trim"]
    assert networks.said == [f"compiling the {name} network for 1 rows" for name in ("encode", "denoise", "decode")]
    engine.close()
    assert networks.place.calls[-1] == "close"


def test_torch_captures_where_a_pool_is_not_enough(student: Student, picture: Any) -> None:
    """Where the driver's capture in a pool fails, torch's own is launched by the driver, to the same pixels."""
    ways = []
    for fails in (False, True):
        double = CudaDouble()
        engine = open_on(double, student, (1,), TorchOptions("fp32", compile=False))
        row = Easel("torch", engine).repaint(picture(1))[0]
        engine.tick([row])
        if fails:
            double.fail("capture", CudaError("operation not permitted when stream is capturing"))
        ways.append(image(engine.tick([row])[0]))
        networks = engine._networks
        assert isinstance(networks, DeferredNetworks)
        assert ("torch captures" in networks.place.calls) is fails
        assert engine.captured == (1, 1)
        engine.close()
    np.testing.assert_array_equal(*ways)


def test_a_tick_beyond_the_memory_fails_alone(student: Student, picture: Any) -> None:
    """When torch finds no memory in a tick that tick says so, and the next one is painted."""
    double = CudaDouble()
    engine = open_on(double, student, (1,), TorchOptions("fp32", compile=False))
    rows = [Easel("torch", engine).repaint(picture(1))[0]]
    expected = image(engine.tick(rows)[0])
    double.fail("launch_graph", OutOfDeviceMemory("out of device memory"))
    with pytest.raises(OutOfDeviceMemory, match="a tick of 1 rows failed: out of device memory"):
        engine.tick(rows)
    np.testing.assert_array_equal(image(engine.tick(rows)[0]), expected)
    engine.close()
