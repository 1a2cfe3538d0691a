"""What wraps networks as graphs, alike for several families."""

import torch
from torch import Tensor, nn

from .affine import AffineGraph


class TextGraph(nn.Module):
    """ids int64 [n, tokens] -> conditioning float32, of whatever shape the encoder gives."""

    def __init__(self, text: nn.Module) -> None:
        super().__init__()
        self.text = text

    def forward(self, ids: Tensor) -> Tensor:
        conditioning: Tensor = self.text(ids)
        return conditioning


class Unguided(AffineGraph):
    """Around a network that is told no guidance."""

    def predict(self, x: Tensor, t: Tensor, conditioning: Tensor, w: Tensor | None) -> Tensor:
        out: Tensor = self.network(x, t, conditioning)
        return out

    @property
    def network(self) -> nn.Module:
        """x, t and conditioning to what the contract's map is around."""
        raise NotImplementedError


def from_bytes(pixels: Tensor) -> Tensor:
    """uint8 [n, h, w, 3] -> float32 [n, 3, h, w] in [-1, 1]."""
    return pixels.permute(0, 3, 1, 2).to(torch.float32) / 127.5 - 1


def to_bytes(values: Tensor) -> Tensor:
    """Colours [n, 3, h, w], 0 to 255 and perhaps beyond -> uint8 [n, h, w, 3]."""
    return values.clamp(0, 255).round().to(torch.uint8).permute(0, 2, 3, 1)
