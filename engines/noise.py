"""The noise of a job: the same numbers on every engine and every machine, for a seed."""

import numpy as np
from numpy.typing import NDArray


def noise(seed: int, index: int, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """N(0, I) as float32 of `shape`, for step `index` of a job with this seed; each step has its own stream."""
    sequence = np.random.SeedSequence(seed) if index == 0 else np.random.SeedSequence(seed, spawn_key=(index,))
    return np.random.Generator(np.random.Philox(sequence)).standard_normal(shape, dtype=np.float32)
