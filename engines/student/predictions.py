"""What a network's output means: x0 = A * x + B * out at a level x = alpha * x0 + sigma * z, for every kind there is."""

import math
from collections.abc import Callable

from .schedules import Level

Affine = tuple[float, float]
"""(A, B)."""


def epsilon(level: Level) -> Affine:
    """out = z (DDPM, Ho et al. 2020). Of EDM's scaled input this is D = x - sigma * out."""
    return 1 / level.alpha, -level.sigma / level.alpha


def v(level: Level) -> Affine:
    """out = (alpha z - sigma x0), of unit alpha^2 + sigma^2 (Salimans and Ho 2022, appendix D); of any other, scaled."""
    power = level.alpha**2 + level.sigma**2
    return level.alpha / power, -level.sigma / power


def sample(level: Level) -> Affine:
    """out = x0."""
    return 0.0, 1.0


def flow(level: Level) -> Affine:
    """out = z - x0 (SD3, FLUX, SANA-Sprint), on the path alpha + sigma = 1."""
    return 1.0, -level.sigma


def flow_forward(level: Level) -> Affine:
    """out = x0 - z: rectified flow as its authors write it (InstaFlow), on the path alpha + sigma = 1."""
    return 1.0, level.sigma


def edm(level: Level) -> Affine:
    """D = c_skip x + c_out out (Karras et al. 2022, table 1), in terms of the scaled input, whose alpha is c_in."""
    sigma = level.sigma / level.alpha
    sigma_data = math.sqrt(max(0.0, 1 / level.alpha**2 - sigma**2))
    return level.alpha * sigma_data**2, sigma * sigma_data * level.alpha


def preconditioned(level: Level) -> Affine:
    """EDM's preconditioning carried to any path and data of unit variance: the identity at sigma = 0, out = x0 at alpha = 0."""
    power = level.alpha**2 + level.sigma**2
    return level.alpha / power, level.sigma / math.sqrt(power)


PREDICTIONS: dict[str, Callable[[Level], Affine]] = {
    "epsilon": epsilon,
    "v": v,
    "sample": sample,
    "flow": flow,
    "flow-forward": flow_forward,
    "edm": edm,
    "preconditioned": preconditioned,
}
"""By the name a student's file uses."""
