"""Looks of light and matter: neon."""

import torch
from torch import Tensor

from training.looks.colour import colour, expose, mix, ramp, smoothstep, split, steps
from training.looks.filters import blur, flow, kuwahara, lines, tone
from training.looks.patterns import texture


def neon(x: Tensor, breadth: float) -> Tensor:
    """Glass tubes along the contours, over a violet night in which faces still show."""
    x = expose(x, 0.5)
    along = flow(x, 3.0)
    flat = kuwahara(x, 4.0 * breadth, along)
    t = tone(flat, 0.5, 0.46)
    base = ramp(mix(t, steps(t, 6, 4.0), 0.6), "05030f", "180b44", "47188a", "a8329e", "f58ab0") * 0.82
    tube = lines(tone(x, 0.6, 0.5), along, 1.5 * breadth, 10.0, 0.45, 0.9)
    wave = texture("smooth", 60.0, x, 25)
    _, a, b = split(blur(x, 4.0))
    hue = 0.5 * wave + 4.0 * (a + 0.6 * b)
    tint = mix(colour("00e5ff", x), colour("ff2bd6", x), smoothstep(hue, -0.35, 0.35))
    tint = mix(tint, colour("ffd23f", x), smoothstep(hue, 0.75, 1.25))
    lit = tube * tint
    glow = 0.9 * blur(lit, 2.0) + 0.75 * blur(lit, 6.0) + 0.8 * blur(lit, 16.0)
    core = smoothstep(tube, 0.55, 1.0)
    return base * (1 - 0.6 * tube) + glow + 0.75 * core * mix(tint, torch.ones_like(tint), 0.6)
