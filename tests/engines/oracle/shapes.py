"""The oracle's sizes: small, and of Stable Diffusion's kind."""

import math

import numpy as np
from numpy.typing import NDArray

LATENTS = (4, 8, 8)
SIDE = 64
"""Pixels of both sides of an image."""
WIDTH = 2 + math.prod(LATENTS)
"""Of the conditioning: a picture's slope in x, its slope in time, and what it adds."""
POOLED = 2
GUIDANCE_WIDTH = 8

Latents = NDArray[np.float64]
