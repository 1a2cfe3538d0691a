"""What every engine must hold, held by the runtime on a GPU, with a stand-in for TensorRT."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from engines.gpu.driver import Driver
from engines.gpu.engine import GpuEngine
from engines.student import Student
from tests.engines.gpu.suite import Easel, every_engines_tests, two_steps_are_two_times_one
from tests.engines.gpu.toy import tokens_of
from tests.gpu.device import open_driver, read
from tests.gpu.standin import StandIns

globals().update(every_engines_tests())


@pytest.fixture(scope="module")
def driver() -> Driver:
    return open_driver()


@pytest.fixture(scope="module")
def engine(driver: Driver, student: Student) -> Iterator[GpuEngine]:
    made = GpuEngine(student, (1, 2, 4), StandIns(driver, student), driver, tokens_of(student))
    yield made
    made.close()


@pytest.fixture
def easel(engine: GpuEngine) -> Easel:
    return Easel("standin", engine)


def test_two_steps_are_two_times_one(engine: GpuEngine, easel: Easel, driver: Driver, two_steps: Student) -> None:
    """A job of two steps is the first step's picture, re-noised by the contract's numbers, painted by the second step."""
    slots, layout = engine._buffers.at["slots"], engine._buffers.layout

    def look(slot: int) -> Any:
        return read(driver, slots + slot * layout.latent_bytes, layout.latent_bytes).view(np.float32).reshape(layout.latents)

    two_steps_are_two_times_one(engine, easel, two_steps, look)
