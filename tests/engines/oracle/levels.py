"""Levels of noise, from the published betas."""

import numpy as np
from numpy.typing import NDArray


def _alphas_squared(betas: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.cumprod(1 - betas)


STABLE_DIFFUSION = _alphas_squared(np.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2)
"""alpha^2 at the times 0 to 999: diffusers' "scaled_linear"."""
DDPM = _alphas_squared(np.linspace(1e-4, 0.02, 1000))
"""alpha^2 of PixArt and of SIM: diffusers' "linear"."""
WRITTEN_DOWN = 0.0047
"""alpha^2 at the last time, as SwiftBrush's infer.py and DMD2's test_folder_sd.py have it."""
SIM_SIGMA = 2.5
SIM_TIME = int(np.abs(((1 - DDPM) / DDPM) ** 0.5 - SIM_SIGMA).argmin())
"""SIM's network is told the time whose sigma is nearest."""
