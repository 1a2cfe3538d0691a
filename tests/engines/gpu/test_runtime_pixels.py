"""The runtime around the real student: its ONNX graphs behind the runtime's own interface, beside the engine on the CPU."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import openvino
import pytest
from numpy.typing import NDArray

from engines.engine import Engine, Row
from engines.gpu.engine import GpuEngine
from engines.student import Student
from tests.engines.gpu.double import CudaDouble
from tests.engines.gpu.suite import image
from tests.engines.gpu.toy import Arrays, Function, ToyNetwork, ToyNetworks, tokens_of


class Graphs(ToyNetworks):
    """The student's own graphs, compiled for the CPU at each size with the engine's settings, run by the double."""

    def load(self, graph: str, size: int) -> ToyNetwork:
        made = super().load(graph, size)
        made.run = _compiled(self.student.graphs, graph, size)
        return made


def _compiled(folder: Path | None, graph: str, size: int) -> Function:
    assert folder is not None
    core = openvino.Core()
    model = core.read_model(folder / f"{graph}.onnx")
    model.reshape({port: [size, *(side.get_length() for side in list(port.get_partial_shape())[1:])] for port in model.inputs})
    options = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": 1}
    compiled = core.compile_model(model, "CPU", options)
    names = {port.any_name for port in compiled.outputs}

    def run(inputs: Arrays) -> Arrays:
        given: Any = compiled(inputs)
        return {name: np.array(given[name]) for name in names}

    return run


@pytest.fixture(scope="module")
def engine(student: Student) -> GpuEngine:
    double = CudaDouble()
    return GpuEngine(student, (1, 3), Graphs(double, student), double, tokens_of(student))


def test_the_pixels_of_the_engine_on_the_cpu(
    engine: GpuEngine,
    get_engine: Callable[[str], Engine],
    two_steps: Student,
    picture: Callable[[int], NDArray[np.uint8]],
) -> None:
    """Pictures and stills, of one step and of two, in mixed ticks: within a level of what OpenVINO's engine paints."""
    cpu, one, two = get_engine("openvino"), engine.student.contract, two_steps.contract
    prompts = ["a red heart, neon", "a blue boat, ink", "a white house, watercolor"]

    def rows(of: Engine) -> list[list[Row]]:
        told = [of.condition(prompt) for prompt in prompts]
        first, second = two.repaint(0.9)
        third, fourth = two.still()
        return [
            [
                Row(1, 0, first, False, told[0], 5, picture(1)),
                Row(2, 0, one.repaint(0.5)[0], True, told[1], 6, picture(2)),
                Row(3, 0, third, False, told[2], 7),
            ],
            [Row(4, 0, one.still()[0], True, told[0], 8), Row(1, 1, second, True, told[0], 5)],
            [Row(3, 1, fourth, True, told[2], 7)],
        ]

    for mine, others in zip(rows(engine), rows(cpu), strict=True):
        for got, wanted in zip(engine.tick(mine), cpu.tick(others), strict=True):
            assert got.error is None
            assert (got.image is None) == (wanted.image is None)
            if got.image is not None:
                off = np.abs(image(got).astype(int) - image(wanted).astype(int))
                assert off.max() <= 1
                assert off.mean() < 0.01
