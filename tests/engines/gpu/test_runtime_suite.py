"""What every engine must hold, held by the TensorRT runtime on a double of the device."""

from collections.abc import Iterator

import pytest

from engines.gpu.engine import GpuEngine
from engines.student import Student
from tests.engines.gpu.double import CudaDouble
from tests.engines.gpu.suite import Easel, every_engines_tests, two_steps_are_two_times_one
from tests.engines.gpu.toy import ToyNetworks, tokens_of

SIZES = (1, 2, 4)

globals().update(every_engines_tests())


@pytest.fixture(scope="module")
def double() -> CudaDouble:
    return CudaDouble()


@pytest.fixture(scope="module")
def engine(double: CudaDouble, student: Student) -> Iterator[GpuEngine]:
    made = GpuEngine(student, SIZES, ToyNetworks(double, student), double, tokens_of(student))
    yield made
    made.close()


@pytest.fixture
def easel(engine: GpuEngine) -> Easel:
    return Easel("double", engine)


def test_two_steps_are_two_times_one(engine: GpuEngine, easel: Easel, double: CudaDouble, two_steps: Student) -> None:
    """A job of two steps is the first step's picture, re-noised by the contract's numbers, painted by the second step."""
    slots, shape = engine._buffers.at["slots"], engine.student.latent_shape
    size = engine._buffers.layout.latent_bytes
    two_steps_are_two_times_one(engine, easel, two_steps, lambda slot: double.look(slots + slot * size, shape))
