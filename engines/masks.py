"""Masks: what of a picture is painted anew, brought from pixels to latents, and what is kept outside, to the bit."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Mask: TypeAlias = NDArray[np.uint8]
"""How much of each pixel is painted anew, uint8 [height, width]: 0 keeps it, 255 is all."""

Weights: TypeAlias = NDArray[np.float32]
"""How much of each latent is painted anew, 0 to 1: float32 that fits [channels, h, w]."""


def cell_weights(mask: Mask, height: int, width: int) -> Weights:
    """[1, height, width]: each cell the mean of its pixels. A cell without any pixel of the mask is 0."""
    cells = mask.reshape(height, mask.shape[0] // height, width, mask.shape[1] // width)
    return np.asarray(cells.mean((1, 3), dtype=np.float64) / 255, dtype=np.float32)[None]


def pixel_weights(mask: Mask, cell: int, colours: int = 3) -> Weights:
    """[colours * cell * cell, h, w], for latents that are the pixels of each cell: a weight for each pixel."""
    height, width = mask.shape
    cells = mask.reshape(height // cell, cell, width // cell, cell).transpose(1, 3, 0, 2)
    weights = np.asarray(cells.reshape(cell * cell, height // cell, width // cell) / 255, dtype=np.float32)
    return np.tile(weights, (colours, 1, 1))


def blend(painted: NDArray[np.float32], kept: NDArray[np.float32], weights: Weights) -> None:
    """Into `painted`, what is kept where the weight is 0, to the bit; itself where it is 1; and between them the mean."""
    between = kept + weights * (painted - kept)
    np.copyto(painted, np.where(weights <= 0, kept, np.where(weights >= 1, painted, between)))
