"""An eye that is a network of the operator's: depth, pose, segmentation, as an ONNX file."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from engines.errors import EngineError
from engines.explain import first_line

from .eye import EyeFailed, Knobs, Pixels

_MEAN, _SPREAD = (np.array(x, np.float32)[:, None, None] for x in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
"""ImageNet's, by which networks for pictures are told them."""
_STEP = 224
"""Pixels of which a side is a multiple where a network leaves it open: of 14 and of 32, in which such networks count."""


class NetworkEye:
    """A network from one picture to another, on the processor. Raises EngineError if the file is none.

    It takes float32 [1, 3, h, w] by ImageNet's mean and spread, or uint8 [1, h, w, 3]; where h and w are open, about the
    frame's. It gives one plane, [1, 1, h, w] or [1, h, w], which is shown from its least to its most; or colours in 0..1,
    [1, 3, h, w]; or uint8 [1, h, w, 3].
    """

    def __init__(self, name: str, path: Path) -> None:
        self._what = f"the eye {name} ({path})"
        if not path.is_file():
            raise EngineError(f"--eye {name}: there is no file {path}")
        import openvino

        self._core = openvino.Core()
        try:
            self._model = self._core.read_model(path)
            (self._input,) = self._model.inputs
            shape = self._input.get_partial_shape()
            self._is_bytes = self._input.get_element_type().to_dtype() == np.uint8
            first, *sides = [dim.get_length() if dim.is_static else None for dim in shape]
        except (RuntimeError, ValueError) as error:
            raise EngineError(
                f"{self._what} cannot be read ({first_line(error)}): give an ONNX network of one input"
            ) from error
        colours = sides.pop(2 if self._is_bytes else 0) if len(sides) == 3 else None
        if colours != 3 or first not in (1, None):
            said = "[1, h, w, 3]" if self._is_bytes else "[1, 3, h, w]"
            raise EngineError(f"{self._what} takes {shape}, not {said}: it is no network for one picture")
        self._sides = sides
        self._compiled: Any = None

    def see(self, pixels: Pixels, knobs: Knobs) -> Pixels:
        """Raises EyeFailed for what it gives, if that is no picture."""
        height, width, _ = pixels.shape
        fitting = self._fitting(height, width)
        if self._compiled is None:
            self._compile(*fitting)
        seen = np.array(Image.fromarray(pixels).resize(fitting[::-1], Image.Resampling.BILINEAR))
        given = seen if self._is_bytes else (seen.transpose(2, 0, 1).astype(np.float32) / 255 - _MEAN) / _SPREAD
        try:
            # a request of its own: several threads look
            answer = self._compiled.create_infer_request().infer({0: given[None]})
        except RuntimeError as error:
            raise EyeFailed(f"{self._what} failed: {first_line(error)}") from error
        drawn = self._drawn(next(iter(answer.values())))
        return np.array(Image.fromarray(drawn).resize((width, height), Image.Resampling.BILINEAR).convert("RGB"))

    def open(self, height: int, width: int) -> None:
        """Be ready for frames of this size, and see whether it makes pictures of them. Raises EngineError."""
        try:
            self.see(np.full((height, width, 3), 127, np.uint8), {})
        except EyeFailed as error:
            raise EngineError(str(error)) from error

    def _fitting(self, height: int, width: int) -> tuple[int, int]:
        down, across = (
            own or max(_STEP, _STEP * round(side / _STEP)) for own, side in zip(self._sides, (height, width), strict=True)
        )
        return down, across

    def _compile(self, height: int, width: int) -> None:
        shape = [1, height, width, 3] if self._is_bytes else [1, 3, height, width]
        try:
            self._model.reshape({self._input: shape})
            config = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": 1}
            self._compiled = self._core.compile_model(self._model, "CPU", config)
        except RuntimeError as error:
            raise EngineError(f"{self._what} cannot be compiled for {width}x{height}: {first_line(error)}") from error

    def _drawn(self, answer: Any) -> Pixels:
        shape = answer.shape
        if answer.dtype == np.uint8 and len(shape) == 4 and shape[3] == 3:
            return np.ascontiguousarray(answer[0])
        if not np.isfinite(answer).all():
            raise EyeFailed(f"{self._what} gave a value that is not a number")
        if len(shape) == 4 and shape[1] == 3:
            return np.ascontiguousarray(np.clip(answer[0].transpose(1, 2, 0) * 255, 0, 255).astype(np.uint8))
        planes = answer.reshape(shape[0], *shape[2:]) if len(shape) == 4 and shape[1] == 1 else answer
        if planes.ndim != 3 or len(planes) != 1:
            said = f"gives {list(shape)}, which is no picture: it should give one plane, [1, 1, h, w], or [1, 3, h, w]"
            raise EyeFailed(f"{self._what} {said}")
        plane = planes[0].astype(np.float32)
        least, most = float(plane.min()), float(plane.max())
        spread = most - least or 1.0
        return np.asarray((plane - least) * (255 / spread), dtype=np.uint8)
