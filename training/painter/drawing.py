"""What the painter's eye is shown of a picture, and what it is to make of that: the picture's light and shade."""

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from engines.families.painter.control import PLAIN

NEXT = 1.6
WIDTH, GAIN = 1.0, 12.0
"""The server's eye `lines`, and how it is set where nobody sets it."""
BROAD = 64.0
"""Pixels over which lines can tell light from shade: of what is broader, little is wanted."""
_EIGHTH = 8


def lines(pixels: NDArray[np.uint8], width: float = WIDTH, gain: float = GAIN) -> NDArray[np.uint8]:
    """What that eye sees of uint8 [h, w, 3]: dark strokes, uint8 [h, w], brighter the more they stand out."""
    import cv2

    cv2.setNumThreads(1)
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float32)
    difference = cv2.GaussianBlur(grey, (0, 0), NEXT * width) - cv2.GaussianBlur(grey, (0, 0), width)
    seen: NDArray[np.uint8] = np.clip(gain * difference, 0, 255).astype(np.uint8)
    return seen


def tones(picture: Tensor) -> Tensor:
    """Light and shade of pictures [n, 3, h, w] in [0, 1], as far as lines can tell them: [n, 1, h, w] in [0, 1]."""
    light = 0.299 * picture[:, :1] + 0.587 * picture[:, 1:2] + 0.114 * picture[:, 2:]
    broad = _blurred(light, BROAD)
    return (PLAIN + (light - broad) + 0.25 * (broad - 0.5)).clamp(0, 1)


def _blurred(x: Tensor, sigma: float) -> Tensor:
    """[n, 1, h, w] blurred over so many pixels, computed at an eighth of the size."""
    small = F.avg_pool2d(x, _EIGHTH)
    reach = int(3 * sigma / _EIGHTH) + 1
    bell = torch.exp(-0.5 * (torch.arange(-reach, reach + 1, device=x.device) * (_EIGHTH / sigma)) ** 2)
    bell = bell / bell.sum()
    small = F.conv2d(F.pad(small, (reach, reach, 0, 0), mode="replicate"), bell[None, None, None, :])
    small = F.conv2d(F.pad(small, (0, 0, reach, reach), mode="replicate"), bell[None, None, :, None])
    return F.interpolate(small, scale_factor=_EIGHTH, mode="bilinear", align_corners=False)
