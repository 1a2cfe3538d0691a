"""What changed between two pictures, by blocks, in units of what their sensor's noise does. Pure.

A picture is looked at in cells of 4 x 4 pixels, over which noise averages out and an edge that moved by one pixel does not.
Four things can be a change, each over a limit of its own, and the greatest counts:

- *fine*: how far the hundredth part of the cells that changed most changed. Its limit is a multiple of what noise does
  between neighbouring frames of this stream, within bounds: what a moving camera does is seen, and what noise does is not;
- *shift*: the whole picture is brighter or darker. What lamps and a camera's exposure do is below its limit, and taken out
  of the others;
- *local*: blocks of 16 x 16 pixels became brighter or darker;
- *tint*: such blocks, or the whole picture, changed in colour.

Limits were set on eighteen photographs through JPEG of quality 50 to 85, with noise of 2 to 4 levels of several kinds; on six
of them `tests/server/similarity` holds what they give.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

CELL = 4
"""Pixels along a cell's side."""
BLOCK = 4
"""Cells along a block's side."""

NOISE_FACTOR = 1.5
"""Fine change over so many times the noise is a change."""
LEAST_NOISE, MOST_NOISE = 1.0, 4.0
"""Levels between which a stream's noise is believed, by the measure of `fine`: more is taken for movement."""
SHIFT, LOCAL, TINT, OVERALL_TINT = 5.0, 3.5, 8.0, 4.0
"""Levels of 255 at which the other three are a change; the last is for a tint of the whole picture."""

_TOP = 100  # one in so many cells is among those that changed most
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)

Plane: TypeAlias = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Sketch:
    """A picture's cells, float32 [rows, columns]: luma, and red and blue without it."""

    luma: Plane
    red: Plane
    blue: Plane

    @classmethod
    def of(cls, pixels: NDArray[np.uint8]) -> "Sketch":
        """Of uint8 [height, width, 3]. Takes a millisecond or so."""
        cells = _cells(pixels)
        luma: Plane = cells @ _LUMA
        return cls(luma, cells[..., 0] - luma, cells[..., 2] - luma)


@dataclass(frozen=True, slots=True)
class Change:
    """Levels of 255 by which two pictures differ, in each of the four ways."""

    fine: float
    shift: float
    local: float
    tint: float
    overall_tint: float

    def size(self, noise: float) -> float:
        """The greatest of them over its limit: above 1 something changed, and what noise alone does is well below."""
        fine = self.fine / (NOISE_FACTOR * noise)
        return max(fine, self.shift / SHIFT, self.local / LOCAL, self.tint / TINT, self.overall_tint / OVERALL_TINT)


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """The difference of two sketches in luma: what a common factor does not explain. `shift` has the mean of what it does."""

    luma: Plane
    shift: float
    fine: float

    @classmethod
    def of(cls, now: Sketch, then: Sketch) -> "Step":
        difference, level = now.luma - then.luma, (now.luma + then.luma) / 2
        gain = float(np.vdot(difference, level)) / max(1.0, float(np.vdot(level, level)))
        difference -= gain * level
        return cls(difference, gain * float(level.mean()), _top(np.abs(difference)))


def compare(now: Sketch, then: Sketch, step: Step) -> Change:
    """What changed, of two sketches of one shape, and of the step from one to the other."""
    tints = [_blocks(now.red - then.red), _blocks(now.blue - then.blue)]
    return Change(
        fine=step.fine,
        shift=abs(step.shift),
        local=float(np.abs(_blocks(step.luma)).max()),
        tint=max(float(np.abs(tint).max()) for tint in tints),
        overall_tint=max(abs(float(tint.mean())) for tint in tints),
    )


def noise_in(last: Step, before: Step | None) -> float:
    """What a stream's noise may be at most, by its last step and the one before: levels, as `Change.fine`.

    Noise is in a step as it is. And in the difference of two steps, in which a steady movement is not, it is the square root
    of three times as much.
    """
    if before is None or before.luma.shape != last.luma.shape:
        return last.fine
    return min(last.fine, _top(np.abs(last.luma - before.luma)) / 3**0.5)


def noise_of(samples: Sequence[float]) -> float:
    """The noise of a stream, from what it may have been at most in its last frames; without any, the most that is believed."""
    if not samples:
        return MOST_NOISE
    return min(MOST_NOISE, max(LEAST_NOISE, sorted(samples)[2 * len(samples) // 3]))


def _cells(pixels: NDArray[np.uint8]) -> Plane:
    """Means over cells, float32 [rows, columns, 3]; what is left over at the right and below is not looked at."""
    rows, columns = pixels.shape[0] // CELL, pixels.shape[1] // CELL
    lines = pixels[: rows * CELL, : columns * CELL].reshape(rows, CELL, columns * CELL * 3)
    sums = lines[:, 0].astype(np.uint16)  # several times faster than a sum over two axes
    for line in range(1, CELL):
        sums += lines[:, line]
    across = sums.reshape(rows, columns, CELL * 3)
    total = sum(across[..., 3 * place : 3 * place + 3] for place in range(CELL))
    return np.asarray(total, np.float32) / np.float32(CELL**2)


def _top(values: Plane) -> float:
    """The least of the hundredth part that is greatest."""
    flat = values.ravel()
    place = len(flat) - max(1, len(flat) // _TOP)
    return float(np.partition(flat, place)[place])


def _blocks(plane: Plane) -> Plane:
    """Means over blocks; of a picture smaller than a block, over all of it."""
    rows, columns = plane.shape
    if rows < BLOCK or columns < BLOCK:
        return np.full((1, 1), plane.mean(), np.float32)
    cut = plane[: rows // BLOCK * BLOCK, : columns // BLOCK * BLOCK]
    means: Plane = cut.reshape(rows // BLOCK, BLOCK, columns // BLOCK, BLOCK).mean(axis=(1, 3))
    return means
