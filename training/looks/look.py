"""What a look is."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

Paint = Callable[[Tensor, float], Tensor]
"""Pictures [n, 3, h, w] and how broad the strokes are (1 is as designed) to pictures of the same shape, both in [0, 1]."""


@dataclass(frozen=True)
class Look:
    """A way of painting: its name in prompts, other words for it, and the strength at which it is fully there."""

    name: str
    words: tuple[str, ...]
    strength: float
    filter: Paint

    def paint(self, images: Tensor, breadth: float = 1.0) -> Tensor:
        """float32 [n, 3, h, w] in [0, 1], height and width multiples of 64, to the same, on the same device."""
        with _whole_floats(images.device.type):
            return self.filter(images, breadth).clamp(0, 1)


@contextmanager
def _whole_floats(device: str) -> Iterator[None]:
    """Products of matrices in whole 32-bit floats: contours are small differences of blurs, noise in shorter ones."""
    if device not in ("cpu", "cuda"):
        yield
        return
    precision = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        with torch.autocast(device, enabled=False):
            yield
    finally:
        torch.set_float32_matmul_precision(precision)
