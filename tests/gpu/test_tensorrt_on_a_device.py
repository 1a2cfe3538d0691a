"""TensorRT itself: the student that ships is built on the device and painted with, and compared with the CPU."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engines.engine import Row
from engines.errors import EngineError
from engines.factory import make_engine
from engines.gpu.engine import GpuEngine
from engines.options import OpenVinoOptions
from engines.student import Student
from engines.tensorrt.gpus import gpu_name
from engines.tensorrt.opening import open_engine
from tests.engines.gpu.suite import Easel, Half, every_engines_tests, image
from tests.gpu.device import open_driver

globals().update(every_engines_tests())

PLANS = "ALLAPRIMA_TEST_PLANS"
"""Of the environment: a folder of builds made elsewhere, of the student that ships for ticks of 1, 2 and 4."""


@pytest.fixture(scope="module")
def engine(student: Student, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GpuEngine]:
    driver = open_driver()
    gpu = gpu_name(*driver.capability)
    is_stub = driver.name == "stub"
    driver.close()
    if is_stub:
        pytest.skip("a stub of a driver runs no TensorRT")
    cache = Path(os.environ.get(PLANS) or tmp_path_factory.mktemp("plans"))
    if PLANS not in os.environ:
        pytest.importorskip("onnx_ir", reason=f"nothing here builds plans, and {PLANS} names no folder of builds")
        from engines.tensorrt.build.plans import build_plans

        try:
            build_plans(student, (1, 2, 4), cache, (gpu,), print)
        except EngineError as error:
            pytest.skip(str(error))
    made = open_engine(student, (1, 2, 4), cache)
    yield made
    made.close()


@pytest.fixture
def easel(engine: GpuEngine) -> Easel:
    return Half(engine.backend, engine)


def test_the_pixels_of_the_cpu(engine: GpuEngine, student: Student, picture: Any, tmp_path: Path) -> None:
    """On the average pixel TensorRT in half precision and OpenVINO in single are within a level and a half."""
    pytest.importorskip("openvino")
    cpu = make_engine("openvino", student, (1,), OpenVinoOptions("fp32", 2), cache=tmp_path)
    for strength in (0.3, 0.6, 1.0):
        step = student.contract.repaint(strength)[0]
        rows = [Row(1, 0, step, True, one.condition("a red heart, neon"), 5, picture(1)) for one in (engine, cpu)]
        got, wanted = image(engine.tick(rows[:1])[0]), image(cpu.tick(rows[1:])[0])
        assert float(np.abs(got.astype(int) - wanted.astype(int)).mean()) < 1.5
    cpu.close()


def test_every_tick_is_a_graph(engine: GpuEngine) -> None:
    """TensorRT's networks can be captured: no kind of tick runs call by call."""
    engine.warm_up()
    captured, kinds = engine.captured
    assert captured == kinds > 0
