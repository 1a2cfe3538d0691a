"""The fixed textures that the painter is given: the looks' own maps, and their noise smeared along eight directions."""

import math
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from engines.families.painter.network import DIRECTIONS
from engines.families.painter.shapes import CELL, PIXELS
from training.looks import MAPS, maps

STROKE = 9.0
"""Pixels that the smeared noise runs along its direction, each way: about as far as the looks smear theirs."""


def look_maps() -> Tensor:
    """[m, 16, 128, 128]: the looks' maps in cells, all about in [-1.5, 1.5]."""
    return _cells(maps(PIXELS, PIXELS).clamp(-3, 3) * 0.7)


@lru_cache(maxsize=1)
def bank() -> Tensor:
    """[8, 16, 128, 128]: the noise that strokes are made of, as strokes of each direction; deviation 0.7."""
    noise = maps(PIXELS, PIXELS)[MAPS.index("noise")]
    spectrum = torch.fft.fft2(noise)
    f = torch.fft.fftfreq(PIXELS)
    smeared = []
    for k in range(DIRECTIONS):
        angle = k * math.pi / DIRECTIONS
        along = f[None, :] * math.cos(angle) + f[:, None] * math.sin(angle)
        across = f[:, None] * math.cos(angle) - f[None, :] * math.sin(angle)
        soft = torch.exp(-2 * math.pi**2 * ((0.5 * STROKE * along) ** 2 + (0.6 * across) ** 2))
        strokes = torch.fft.ifft2(spectrum * soft).real
        smeared.append(strokes / strokes.std() * 0.7)
    return _cells(torch.stack(smeared).clamp(-2.5, 2.5))


def _cells(planes: Tensor) -> Tensor:
    return F.pixel_unshuffle(planes[:, None], CELL)
