"""An enlarger without a network: each pixel is repeated. For tests and load tests, as the fake engine is."""

import time
from pathlib import Path

from ..engine import Pixels
from .enlarger import Shape

_GATE_SECONDS = 0.005
"""Between two looks at a gate."""


class FakeEnlarger:
    """Every tile takes `seconds`. With a `gate` none ends before that file is there."""

    backend, device, precision = "fake", "none", "fp32"

    def __init__(self, shape: Shape, seconds: float = 0.0, gate: Path | None = None) -> None:
        self.shape, self._seconds, self._gate = shape, seconds, gate

    def enlarge(self, tile: Pixels) -> Pixels:
        if self._seconds:
            time.sleep(self._seconds)
        while self._gate is not None and not self._gate.exists():
            time.sleep(_GATE_SECONDS)
        return tile.repeat(self.shape.ratio, 0).repeat(self.shape.ratio, 1)

    def close(self) -> None:
        pass
