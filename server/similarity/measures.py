"""How alike two whole pictures are: StreamDiffusion's cosine, and one that does not depend on how bright the scene is. Pure.

Cosine divides the difference by the frames' own power, which is near zero for a mid-grey scene and one for a bright
one, so sensor noise counts for more in the grey scene. `steady` divides by a fixed power instead.
"""

import numpy as np
from numpy.typing import NDArray

NOMINAL_POWER = 0.25
"""Mean square of a well-exposed frame on [-1, 1], the fixed divisor of `steady`."""

Unit = NDArray[np.float32]


def unit(frame: NDArray[np.uint8]) -> Unit:
    """A frame, uint8, as a flat one on [-1, 1]."""
    return frame.astype(np.float32).ravel() / np.float32(127.5) - np.float32(1)


def cosine(a: Unit, b: Unit) -> float:
    """Cosine of the angle between two flat frames; 1 for two frames that are both exactly grey."""
    scale = float(np.sqrt(np.dot(a, a) * np.dot(b, b)))
    return float(np.dot(a, b)) / scale if scale > 1e-6 else 1.0


def steady(a: Unit, b: Unit) -> float:
    """1 - mean((a - b)^2) / (2 * NOMINAL_POWER): cosine's value for a frame of nominal power, whatever the scene's own."""
    difference = a - b
    return 1.0 - float(np.dot(difference, difference)) / len(a) / (2 * NOMINAL_POWER)
