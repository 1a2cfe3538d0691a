"""What the noise chooses, as numbers, and its frame as a map that the network can see."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

FIRST_CHANNEL = 6
"""Channel means from here on carry the choices: middle frequencies, whose mean over a natural image is near zero."""

FRAME_FEATURES = 24


@dataclass(frozen=True)
class Choices:
    """What noise [n, channels, h, w] chooses: the frame of the picture, [n] each, and three uniforms [n] for unsaid words."""

    x: Tensor
    y: Tensor
    size: Tensor
    angle: Tensor
    light: Tensor
    words: tuple[Tensor, Tensor, Tensor]


def uniforms(noise: Tensor) -> Tensor:
    """Eight independent U(0, 1) for each noise: [n, channels, h, w] to [n, 8], by the means of eight channels."""
    side = math.sqrt(noise.shape[-1] * noise.shape[-2])
    means = noise[:, FIRST_CHANNEL : FIRST_CHANNEL + 8].mean((-2, -1)) * side
    return 0.5 + 0.5 * torch.erf(means * math.sqrt(0.5))


def choices(noise: Tensor) -> Choices:
    """What those uniforms mean."""
    u = uniforms(noise)
    return Choices(
        x=0.5 + 0.26 * (u[:, 0] - 0.5),
        y=0.5 + 0.20 * (u[:, 1] - 0.5),
        size=0.23 + 0.12 * u[:, 2],
        angle=0.5 * (u[:, 3] - 0.5),
        light=1.2 * (u[:, 4] - 0.5),
        words=(u[:, 5], u[:, 6], u[:, 7]),
    )


def frame(x: Tensor, t: Tensor) -> Tensor:
    """Where each cell lies in the frame that the noise in x chooses: [n, 24, h, w].

    Coordinates about the object's middle, in units of its size and turned with it, as polynomials and waves; and the plain
    coordinates. At t = 1 this is exactly the frame the picture is drawn in; at lower t the source blurs it, and the network,
    which knows t, learns to look elsewhere.
    """
    side = x.shape[-1]
    axis = (torch.arange(side, device=x.device, dtype=x.dtype) + 0.5) / side
    chosen = choices(x / t.clamp(min=0.3)[:, None, None, None])
    dx = ((axis[None, None, :] - chosen.x[:, None, None]) / chosen.size[:, None, None]).expand(-1, side, -1)
    dy = ((axis[None, :, None] - chosen.y[:, None, None]) / chosen.size[:, None, None]).expand(-1, -1, side)
    cos, sin = chosen.angle.cos()[:, None, None], chosen.angle.sin()[:, None, None]
    u, v = cos * dx + sin * dy, cos * dy - sin * dx
    light = (dx * (chosen.light - 2.2).cos()[:, None, None] + dy * (chosen.light - 2.2).sin()[:, None, None]).clamp(-2, 2)
    radius = (u * u + v * v).sqrt()
    features = [u, v, u.abs(), radius, (-radius * radius).exp(), light, light * (-radius * radius).exp()]
    features += [wave(math.pi * k * w) for k in (0.5, 1.0, 2.0) for w in (u, v) for wave in (torch.sin, torch.cos)]
    features += [slope.clamp(-2, 2) for slope in (v + u, v - u, 0.31 * v + 0.95 * u)]
    plain = axis.expand_as(u) * 2 - 1
    features += [plain, plain.transpose(-1, -2)]
    return torch.stack([f.clamp(-3, 3) for f in features], 1)
