"""How a painting changes from frame to frame: under a known motion of the camera, and under the noise of its sensor."""

from collections.abc import Callable

import torch
from torch import Tensor

Paint = Callable[[Tensor], Tensor]
"""Frames float [n, 3, h, w] in [0, 1] to paintings of the same shape."""


def pan(photograph: Tensor, side: int, frames: int, step: tuple[int, int]) -> Tensor:
    """Frames [frames, 3, side, side] of a camera that moves over a photograph [3, h, w] by `step` (down, right) pixels a frame.

    Raises ValueError if the photograph is too small for so long a way.
    """
    down, right = step
    height, width = side + abs(down) * (frames - 1), side + abs(right) * (frames - 1)
    if photograph.shape[-2] < height or photograph.shape[-1] < width:
        raise ValueError(f"{frames} frames of {side} pixels need {height} x {width}, not {tuple(photograph.shape[-2:])}")
    tops = [(k if down >= 0 else frames - 1 - k) * abs(down) for k in range(frames)]
    lefts = [(k if right >= 0 else frames - 1 - k) * abs(right) for k in range(frames)]
    return torch.stack([photograph[:, t : t + side, left : left + side] for t, left in zip(tops, lefts, strict=True)])


def flicker(paint: Paint, frames: Tensor, step: tuple[int, int]) -> float:
    """The mean change between neighbouring paintings of `pan`, each moved back onto the one before, in grey levels of 255."""
    painted = paint(frames)
    before, after = _overlap(painted[:-1], painted[1:], step)
    return float((before - after).abs().mean()) * 255


def _overlap(before: Tensor, after: Tensor, step: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """What both frames show, from where the camera has moved on by `step`."""
    for axis, move in zip((-2, -1), step, strict=True):
        size = before.shape[axis] - abs(move)
        first, second = (before, after) if move >= 0 else (after, before)
        first, second = first.narrow(axis, abs(move), size), second.narrow(axis, 0, size)
        before, after = (first, second) if move >= 0 else (second, first)
    return before, after


def shaking(paint: Paint, picture: Tensor, sigma: float = 2 / 255, seed: int = 0) -> float:
    """How much a painting of [3, h, w] changes by a sensor's noise of `sigma`, over how much the picture does: 1 like the
    photograph.
    """
    draw = torch.Generator().manual_seed(seed)
    noise = torch.randn((2, *picture.shape), generator=draw).to(picture.device) * sigma
    frames = (picture + noise).clamp(0, 1)
    painted = paint(frames)
    return float((painted[0] - painted[1]).abs().mean() / (frames[0] - frames[1]).abs().mean())
