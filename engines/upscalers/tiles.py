"""A large picture in tiles that overlap, and the tiles made into one picture again."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ..engine import Pixels

_SPREAD = 0.1
"""Of a tile's weights, in parts of its side: a Gaussian's sigma (OSEDiff's `_gaussian_weights`, whose variance is 0.01)."""


@dataclass(frozen=True, slots=True)
class Tiling:
    """How a picture is cut: `width` and `height` of it and of a tile, and how much neighbours overlap; pixels."""

    width: int
    height: int
    across: int
    down: int
    overlap: int

    def corners(self) -> list[tuple[int, int]]:
        """Left and top of each tile, row by row. The last of a row ends where the picture does, however much it overlaps."""
        lefts = _starts(self.width, self.across, self.overlap)
        return [(left, top) for top in _starts(self.height, self.down, self.overlap) for left in lefts]

    def cut(self, picture: Pixels) -> Iterator[Pixels]:
        """The tiles of a picture, uint8 [down, across, 3] each, in the order of `corners`."""
        for left, top in self.corners():
            yield np.ascontiguousarray(picture[top : top + self.down, left : left + self.across])


def _starts(side: int, tile: int, overlap: int) -> list[int]:
    if tile > side:
        raise ValueError(f"a tile of {tile} pixels does not lie in a picture of {side}")
    return [*range(0, side - tile, tile - overlap), side - tile]


class Canvas:
    """A picture that is put together from tiles of `ratio` times the size that they were cut at.

    Where tiles overlap each counts by how near its middle is. Of one tile alone the picture is that tile, to the bit.
    """

    def __init__(self, tiling: Tiling, ratio: int = 1) -> None:
        self._tiling, self._ratio = tiling, ratio
        self._corners = tiling.corners()
        self._put = 0
        self._whole: Pixels | None = None
        if len(self._corners) > 1:
            self._sum = np.zeros((tiling.height * ratio, tiling.width * ratio, 3), np.float32)
            self._share = np.zeros((tiling.height * ratio, tiling.width * ratio, 1), np.float32)

    def put(self, tile: Pixels) -> None:
        """The next tile, uint8 [down * ratio, across * ratio, 3]."""
        left, top = self._corners[self._put]
        self._put += 1
        if len(self._corners) == 1:
            self._whole = tile
            return
        across, down = self._tiling.across * self._ratio, self._tiling.down * self._ratio
        place = np.s_[top * self._ratio :, left * self._ratio :]
        weights = _weights(across, down)
        self._sum[place][:down, :across] += weights * tile
        self._share[place][:down, :across] += weights

    def picture(self) -> Pixels:
        """The picture, when every tile is there: uint8 [height * ratio, width * ratio, 3]."""
        if self._whole is not None:
            return self._whole
        picture: Pixels = np.rint(self._sum / self._share).astype(np.uint8)
        return picture


@lru_cache(4)
def _weights(across: int, down: int) -> NDArray[np.float32]:
    """[down, across, 1]."""
    return np.outer(_bell(down), _bell(across)).astype(np.float32)[..., None]


def _bell(side: int) -> NDArray[np.float64]:
    from_middle = (np.arange(side) - (side - 1) / 2) / side
    bell: NDArray[np.float64] = np.exp(-0.5 * (from_middle / _SPREAD) ** 2)
    return bell
