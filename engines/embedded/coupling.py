"""Which picture belongs to which noise: the coupling that makes the one-step map learnable.

Rectified flow (Liu et al. 2022, arXiv 2209.03003) is right for *any* coupling of noise and data whose
marginals are right, and the straighter the coupling, the fewer steps it needs; InstaFlow (arXiv 2309.06380)
buys a straight one with pairs solved from a teacher. Here the data are rendered, so the coupling can be chosen:
everything a prompt leaves open (place, size, tilt, light, unsaid colours) is read off the noise itself.
The noise stays N(0, I); the picture becomes a function of (noise, prompt).
"""

import math

import torch
from torch import Tensor

from .captions import Wish
from .scenes import COLOURS, SHAPES, Scene

FIRST_CHANNEL = 6
"""Channel means from here on carry the choices: middle frequencies, whose mean over a natural image is near zero."""


def uniforms(noise: Tensor) -> list[float]:
    """Eight independent U(0, 1) from one job's noise [channels, h, w]."""
    side = math.sqrt(noise.shape[-1] * noise.shape[-2])
    means = noise[FIRST_CHANNEL : FIRST_CHANNEL + 8].mean((-2, -1)) * side
    return [float(u) for u in torch.special.ndtr(means)]


def _pick(u: float, among: tuple[str, ...]) -> str:
    return among[min(int(u * len(among)), len(among) - 1)]


def scene_for(wish: Wish, noise: Tensor) -> Scene:
    """The scene that this noise [channels, h, w] means under what the prompt asked for."""
    u = uniforms(noise)
    shape = wish.shape or _pick(u[5], SHAPES)
    colour = wish.colour or _pick(u[6], tuple(c for c in COLOURS if c != wish.background))
    background = wish.background or _pick(u[7], tuple(c for c in COLOURS if c != colour))
    return Scene(
        shape=shape,
        colour=colour,
        background=background,
        x=0.5 + 0.26 * (u[0] - 0.5),
        y=0.5 + 0.20 * (u[1] - 0.5),
        size=0.23 + 0.12 * u[2],
        angle=0.5 * (u[3] - 0.5),
        light=1.2 * (u[4] - 0.5),
    )
