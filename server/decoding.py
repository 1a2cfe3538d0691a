"""One decode a frame: the picture at the student's size, for the filter and for the tick.

A picture's markers are walked in its owner's turn, and what turns out to be large waits until a thread may be had for such:
small pictures, which cameras send, always find one.
"""

import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass

from . import codec
from .fair_pool import FairPool, Heavy

_HEAVY = 2_000_000
"""Samples that take so long to decode, some 20 ms, that other owners should not wait for a thread."""
_HEAVY_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Decoded:
    """A picture, uint8 [height, width, 3], and the seconds that it took, without waiting."""

    pixels: codec.Pixels
    seconds: float


class Decoding:
    """Decodes pictures of many owners, in turn, within limits."""

    def __init__(self, pool: FairPool, limits: codec.Limits, clock: Callable[[], float] = time.perf_counter) -> None:
        self._pool, self._limits, self._clock = pool, limits, clock

    def submit(self, owner: str, image: bytes, width: int, height: int) -> "Future[Decoded]":
        """Decode for an owner. The future raises BadImage where there is no picture to be had."""

        def begin() -> Decoded | Heavy[Decoded]:
            began = self._clock()
            picture = codec.walk(image, self._limits)
            spent = self._clock() - began
            if picture.work > _HEAVY or len(picture.data) > _HEAVY_BYTES:
                return Heavy(lambda: self._decode(picture, width, height, spent))
            return self._decode(picture, width, height, spent)

        return self._pool.submit(owner, begin)

    def _decode(self, picture: codec.Picture, width: int, height: int, spent: float) -> Decoded:
        began = self._clock()
        pixels = codec.decode(picture, width, height)
        return Decoded(pixels, spent + self._clock() - began)
