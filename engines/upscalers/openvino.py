"""An upscaler's graph on OpenVINO: one that was exported here, or anybody's that makes pixels of pixels."""

from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
from openvino import opset13 as ops

from ..engine import Pixels
from ..errors import EngineError
from ..explain import first_line
from ..options import OpenVinoOptions
from .enlarger import Shape
from .files import PIXELS

_HINTS = {"bf16": "bf16", "fp32": "f32"}
"""What OpenVINO calls a precision."""
_COLOURS = 3


def read_exported(path: Path) -> Any:
    """A graph of bytes to bytes. Raises EngineError."""
    return _read(path, "the graph of the upscaler")


def read_network(path: Path, what: str) -> Any:
    """Anybody's graph, float [n, 3, h, w] in 0..1 to the same. Raises EngineError if it is none."""
    model = _read(path, what)
    shapes = [port.get_partial_shape() for port in (*model.inputs, *model.outputs)]
    if len(shapes) != 2 or len(model.inputs) != 1 or any(shape.rank.is_dynamic or len(shape) != 4 for shape in shapes):
        raise EngineError(
            f"{what} is no upscaler, which makes one picture of one, float [n, 3, h, w]: it takes {len(model.inputs)} and "
            f"gives {len(model.outputs)}, of the shapes {', '.join(map(str, shapes))}"
        )
    if shapes[0][1].is_static and shapes[0][1].get_length() != _COLOURS:
        raise EngineError(f"{what} takes {shapes[0][1]} colours, and pictures have {_COLOURS}: give another")
    return model


def ratio_of(model: Any, what: str, across: int, down: int) -> int:
    """How many times larger a graph makes a picture of this size, which it takes from now on. Raises EngineError."""
    try:
        model.reshape([1, 3, down, across])
        made = list(model.outputs[0].get_shape())
    except RuntimeError as error:
        raise EngineError(
            f"{what} does not take a picture of {across}x{down} ({first_line(error)}): export it with open sides"
        ) from error
    ratio: int = made[2] // down
    if made != [1, 3, down * ratio, across * ratio]:
        raise EngineError(f"{what} makes {made} of [1, 3, {down}, {across}], which is no picture so many times larger")
    return ratio


def with_bytes(model: Any, what: str, across: int, down: int) -> Any:
    """A graph for pictures of this size with bytes around it: uint8 [1, down, across, 3] to the same. Raises EngineError."""
    ratio_of(model, what, across, down)
    pixels = ops.parameter([1, down, across, 3], np.uint8, name=PIXELS)
    pixels.output(0).get_tensor().set_names({PIXELS})
    colours = ops.convert(ops.transpose(pixels, ops.constant([0, 3, 1, 2])), np.float32)
    inside = model.get_parameters()[0]
    for target in inside.output(0).get_target_inputs():
        target.replace_source_output(ops.convert(ops.divide(colours, np.float32(255)), inside.get_element_type()).output(0))
    given = model.get_results()[0].input_value(0)
    levels = ops.multiply(ops.clamp(ops.convert(given, np.float32), 0.0, 1.0), np.float32(255))
    whole = ops.convert(ops.round(levels, "half_to_even"), np.uint8)
    return ov.Model([ops.result(ops.transpose(whole, ops.constant([0, 2, 3, 1])))], [pixels], "upscale")


def _read(path: Path, what: str) -> Any:
    if not path.is_file():
        raise EngineError(f"{what}: there is no file {path}")
    try:
        return ov.Core().read_model(path)
    except RuntimeError as error:
        raise EngineError(f"{what}: {path} is no graph that can be read ({first_line(error)}): export it again") from error


class OpenVinoEnlarger:
    """A graph of bytes to bytes, compiled for one tile at a time. Raises EngineError."""

    backend = "openvino"

    def __init__(self, model: Any, shape: Shape, precision: str, options: OpenVinoOptions, device: str = "CPU") -> None:
        self.shape, self.device, self.precision = shape, device, precision
        config: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": _HINTS[precision]}
        if options.threads:
            config["INFERENCE_NUM_THREADS"] = options.threads
        try:
            model.reshape([1, shape.down, shape.across, 3])
            self._request = ov.Core().compile_model(model, device, config).create_infer_request()
        except (RuntimeError, MemoryError) as error:
            raise EngineError(
                f"the upscaler cannot be compiled for tiles of {shape.across}x{shape.down} ({first_line(error)}): where memory "
                f"is short, state a smaller tile in the student's file"
            ) from error

    def enlarge(self, tile: Pixels) -> Pixels:
        try:
            [made] = self._request.infer({0: tile[None]}).values()
        except RuntimeError as error:
            raise EngineError(f"the upscaler failed: {first_line(error)}") from error
        return np.array(made[0])

    def close(self) -> None:
        del self._request


def choose_precision(asked: str, device: str = "CPU") -> str:
    """bf16 where it is not forbidden and the device has it."""
    able = "BF16" in ov.Core().get_property(device, "OPTIMIZATION_CAPABILITIES")
    return "bf16" if able and asked != "fp32" else "fp32"
