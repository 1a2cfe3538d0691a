"""What every engine does around its network: open a row's latents, settle what a mask keeps, keep those of jobs in between."""

import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from .engine import Row
from .masks import Mask, Weights, blend, cell_weights
from .noise import noise

Latents = NDArray[np.float32]

_NOISES_KEPT = 128
_NUMBERS_KEPT = 1 << 24
"""Of all noises together: 64 MiB."""


@dataclass(frozen=True, slots=True, eq=False)
class _Masked:
    """The picture of a job with a mask, as latents, and how much of each is painted anew."""

    picture: Latents
    weights: Weights


class Slots:
    """Latents of the jobs between two of their steps, and the noise of recent seeds (a stream keeps its seed).

    `weigh` brings a mask to the latents; without, each place of them is a cell of pixels.
    """

    def __init__(
        self, latent_shape: tuple[int, ...], capacity: int = 1024, weigh: Callable[[Mask], Weights] | None = None
    ) -> None:
        self._capacity = capacity
        self._weigh = weigh or (lambda mask: cell_weights(mask, *latent_shape[1:]))
        self._latents: OrderedDict[int, Latents] = OrderedDict()
        self._masked: dict[int, _Masked] = {}
        kept = max(4, min(_NOISES_KEPT, _NUMBERS_KEPT // math.prod(latent_shape)))
        self._shape = latent_shape
        self._noise: Callable[[int, int], Latents] = lru_cache(kept)(lambda seed, index: noise(seed, index, latent_shape))

    def open(self, row: Row, encoded: Latents | None) -> Latents:
        """The network's input for a row. Raises KeyError if a later step's latents are not here (any more)."""
        if row.index > 0:
            return self._latents.pop(row.job)
        self._masked.pop(row.job, None)
        if row.mask is not None and encoded is not None:
            self._masked[row.job] = _Masked(encoded.copy(), self._weigh(row.mask))
        if encoded is None:
            return self._scaled(row.step.a_z, row.seed, 0)
        start = np.float32(row.step.a_img) * encoded
        if row.step.a_z:
            start += self._scaled(row.step.a_z, row.seed, 0)
        return start

    def settle(self, row: Row, x0: Latents) -> None:
        """Put back into x0, in place, what the job's mask keeps of its picture, at the level where the step lands."""
        masked = self._masked.pop(row.job, None) if row.last else self._masked.get(row.job)
        if masked is None:
            return
        step, kept = row.step, masked.picture
        if step.keep_z or step.keep_img != 1.0:
            kept = np.float32(step.keep_img) * kept + self._scaled(step.keep_z, row.seed, 0)
        blend(x0, kept, masked.weights)

    def keep(self, row: Row, x0: Latents) -> None:
        """Re-noise to the next step's level and hold; the oldest slot makes room if there are too many."""
        step = row.step
        fresh = self._scaled(step.sigma_next, row.seed, row.index + 1)
        self._latents[row.job] = np.float32(step.alpha_next) * x0 + fresh
        while len(self._latents) > self._capacity:
            oldest, _ = self._latents.popitem(last=False)
            self._masked.pop(oldest, None)

    def _scaled(self, amount: float, seed: int, index: int) -> Latents:
        """Noise of its own, `amount` strong: none is drawn where none is wanted, which takes longer than many a network."""
        if not amount:
            return np.zeros(self._shape, np.float32)
        return np.float32(amount) * self._noise(seed, index)

    def forget(self, job: int) -> None:
        self._latents.pop(job, None)
        self._masked.pop(job, None)

    def __len__(self) -> int:
        return len(self._latents)
