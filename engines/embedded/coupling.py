"""Which picture belongs to which noise: the coupling that makes the one-step map learnable.

Rectified flow (Liu et al. 2022, arXiv 2209.03003) is right for *any* coupling of noise and data whose
marginals are right, and the straighter the coupling, the fewer steps it needs; InstaFlow (arXiv 2309.06380)
buys a straight one with pairs solved from a teacher. Here the data are rendered, so the coupling can be chosen:
everything a prompt leaves open (place, size, tilt, light, unsaid colours) is read off the noise itself.
The noise stays N(0, I); the picture becomes a function of (noise, prompt).
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from .captions import Wish
from .scenes import COLOURS, SHAPES, Scene

FIRST_CHANNEL = 6
"""Channel means from here on carry the choices: middle frequencies, whose mean over a natural image is near zero."""


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


def _pick(u: Tensor, among: tuple[str, ...]) -> str:
    return among[min(int(float(u) * len(among)), len(among) - 1)]


def scene_for(wish: Wish, noise: Tensor) -> Scene:
    """The scene that this noise [channels, h, w] means under what the prompt asked for."""
    chosen = choices(noise[None])
    shape = wish.shape or _pick(chosen.words[0], SHAPES)
    colour = wish.colour or _pick(chosen.words[1], tuple(c for c in COLOURS if c != wish.background))
    background = wish.background or _pick(chosen.words[2], tuple(c for c in COLOURS if c != colour))
    return Scene(
        shape=shape,
        colour=colour,
        background=background,
        x=float(chosen.x),
        y=float(chosen.y),
        size=float(chosen.size),
        angle=float(chosen.angle),
        light=float(chosen.light),
    )
