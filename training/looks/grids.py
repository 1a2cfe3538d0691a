"""Pictures as grids of cells."""

import torch.nn.functional as F
from torch import Tensor

NINE = [(oy, ox) for oy in (-1, 0, 1) for ox in (-1, 0, 1)]


def blocks(x: Tensor, pitch: int) -> Tensor:
    """Pixels [n, c, h, w] as [n, c, rows, pitch, columns, pitch], so that cells can be broadcast over them."""
    n, c, h, w = x.shape
    return x.reshape(n, c, h // pitch, pitch, w // pitch, pitch)


def ringed(cells: Tensor) -> Tensor:
    """Cells with a ring of copies of the outer ones around them, so that each has eight neighbours."""
    return F.pad(cells, (1, 1, 1, 1), mode="replicate")


def at_cells(x: Tensor, px: Tensor, py: Tensor) -> Tensor:
    """x [n, c, h, w] at the places of cells, [rows, columns] of x and of y in pixels: [n, c, rows, columns]."""
    h, w = x.shape[-2:]
    return x[:, :, py.round().long().clamp(0, h - 1), px.round().long().clamp(0, w - 1)]
