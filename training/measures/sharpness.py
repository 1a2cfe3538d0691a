"""Sharpness of pictures float [n, 3, h, w] in [0, 1]: how near they are, what detail they keep, whether blocks show."""

import torch
from torch import Tensor

from training.looks.colour import luma


def psnr(a: Tensor, b: Tensor) -> Tensor:
    """Peak signal to noise of each picture, in decibels: [n]."""
    return -10 * torch.log10((a - b).square().mean((1, 2, 3)).clamp(min=1e-10))


def gradients(x: Tensor) -> Tensor:
    """The mean step of luma between neighbouring pixels, across and down, of each picture: [n]."""
    y = luma(x)
    across, down = (y[..., 1:] - y[..., :-1]).abs(), (y[..., 1:, :] - y[..., :-1, :]).abs()
    return 0.5 * (across.mean((1, 2, 3)) + down.mean((1, 2, 3)))


def gradients_kept(painted: Tensor, wanted: Tensor) -> Tensor:
    """What part of the wanted pictures' detail is there, of each picture: [n]. Soft pictures keep less than 1."""
    return gradients(painted) / gradients(wanted).clamp(min=1e-6)


def block_steps(x: Tensor, pitch: int = 8) -> Tensor:
    """Steps across the borders of blocks over steps elsewhere, of each picture: [n]. 1 where no blocks show."""
    y = luma(x)
    across = (y[..., 1:] - y[..., :-1]).abs().mean((1, 2))
    down = (y[..., 1:, :] - y[..., :-1, :]).abs().mean((1, 3))
    return 0.5 * (_at_borders(across, pitch) + _at_borders(down, pitch))


def _at_borders(steps: Tensor, pitch: int) -> Tensor:
    """steps [n, size - 1], that from pixel i to the next at i."""
    border = torch.arange(steps.shape[1], device=steps.device) % pitch == pitch - 1
    return steps[:, border].mean(1) / steps[:, ~border].mean(1).clamp(min=1e-6)
