"""The student's contract: the path from picture to noise, and how the network's output becomes a picture.

The path is rectified flow's, x_t = (1 - t) E(source) + t z. The output is preconditioned as in EDM (Karras et al.
2022, table 1, for this path's signal and noise levels), which makes the map the identity at t = 0 (the boundary
condition of consistency models, Song et al. 2023) and a plain prediction of x0 at t = 1:

    A(t) = (1 - t) / ((1 - t)^2 + t^2)        B(t) = t / sqrt((1 - t)^2 + t^2)        x0 = A x_t + B net(x_t, t, text)
"""

import torch
from torch import Tensor

FULL_STYLE = 0.25
"""From this t on the target is wholly in the style asked for; below, source and target are blended."""


def _column(value: Tensor) -> Tensor:
    return value[:, None, None, None]


def noised(source: Tensor, noise: Tensor, t: Tensor) -> Tensor:
    return _column(1 - t) * source + _column(t) * noise


def target_at(source: Tensor, target: Tensor, t: Tensor) -> Tensor:
    """What the one step should give at t: the source at 0, the target from FULL_STYLE on."""
    return torch.lerp(source, target, _column((t / FULL_STYLE).clamp(max=1)))


def output_scale(t: Tensor) -> Tensor:
    return _column(t / ((1 - t) ** 2 + t**2).sqrt())


def clean(x: Tensor, out: Tensor, t: Tensor) -> Tensor:
    """The affine map to x0."""
    return _column((1 - t) / ((1 - t) ** 2 + t**2)) * x + output_scale(t) * out
