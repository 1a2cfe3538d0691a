"""The threads for pictures: those that decode, and others that encode, so that neither waits for the other.

A frame is decoded once, at the student's size, for the filter and for the tick. Its markers are walked in its owner's turn;
what then looks as if it took long waits until a thread may be had for such. The pictures that cameras send always find one.
"""

import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

from . import codec
from .fair_pool import Allowance, FairPool, Heavy

HEAVY = 0.02
"""Seconds, as a picture's header makes one expect, from which on its decoding waits apart."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Decoded:
    """A picture, uint8 [height, width, 3], what was seen in it, and the seconds that both took, without waiting.

    `mask` is that of the picture, uint8 [height, width], if it has one.
    """

    pixels: codec.Pixels
    seconds: float
    seen: Any = None
    mask: codec.Pixels | None = None


class CodecPool:
    """Decodes and encodes pictures of many owners, in turn. `allowance` is of decoding what is heavy."""

    def __init__(self, threads: int, limits: codec.Limits = codec.DEFAULT_LIMITS, allowance: Allowance | None = None) -> None:
        self._limits = limits
        self._decoding = FairPool(threads, "decoding", allowance)
        self._encoding = FairPool(threads, "encoding")

    def decode(
        self,
        owner: str,
        image: bytes,
        width: int,
        height: int,
        look: Callable[[codec.Pixels], Any] | None = None,
        mask: codec.Mask | None = None,
    ) -> "Future[Decoded]":
        """Decode for an owner, with its mask, and `look` at it on the same thread.

        The future raises BadImage where there is no picture, and BadMask where its mask is none.
        """

        def begin() -> Decoded | Heavy[Decoded]:
            began = time.perf_counter()
            picture = codec.walk(image, self._limits)
            over = None if mask is None else codec.walk_mask(mask, picture, self._limits)
            spent = time.perf_counter() - began
            if picture.cost + (over.cost if over else 0.0) < HEAVY:
                return finish(picture, over, spent)
            return Heavy(lambda: finish(picture, over, spent))

        def finish(picture: codec.Picture, over: codec.Picture | None, spent: float) -> Decoded:
            began = time.perf_counter()
            pixels = codec.decode(picture, width, height)
            masked = codec.decode_mask(over, mask, width, height) if over and mask else None
            seen = None if look is None else look(pixels)
            return Decoded(pixels, spent + time.perf_counter() - began, seen, masked)

        return self._decoding.submit(owner, begin)

    def look(self, owner: str, pixels: codec.Pixels, look: Callable[[codec.Pixels], Any]) -> "Future[Decoded]":
        """Look at a picture that is decoded already, in its owner's turn. The future raises what `look` raises."""

        def begin() -> Decoded:
            began = time.perf_counter()
            seen = look(pixels)
            return Decoded(pixels, time.perf_counter() - began, seen)

        return self._decoding.submit(owner, begin)

    def encode(self, owner: str, work: Callable[[], T]) -> "Future[T]":
        """Run what encodes a picture of an owner."""
        return self._encoding.submit(owner, work)

    def shutdown(self) -> None:
        """Cancel what is not decoded, finish what is to be encoded, and end the threads."""
        self._decoding.shutdown()
        self._encoding.shutdown(finish=True)
