"""The protocol of what enlarges pictures on one device, and the way of one picture through it, a tile at a time."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from PIL import Image

from ..engine import Pixels
from ..errors import EngineError
from ..student import SCALES, Student, Upscaler
from .tiles import Canvas, Tiling


@dataclass(frozen=True, slots=True)
class Shape:
    """What an enlarger's graph takes: a tile of `across` x `down` pixels, which it makes `ratio` times larger.

    With a ratio of 1 it takes what has been enlarged before, by bicubic interpolation, and makes up what is missing there.
    """

    across: int
    down: int
    ratio: int
    overlap: int

    @property
    def scales(self) -> tuple[int, ...]:
        """By how much pictures can be enlarged."""
        return SCALES if self.ratio == 1 else (self.ratio,)

    def tiling(self, width: int, height: int, scale: int) -> Tiling:
        """How a picture of a student's is cut that is to be so many times larger. Raises ValueError."""
        if scale not in self.scales:
            raise ValueError(f"pictures are made {' or '.join(map(str, self.scales))} times larger here, not {scale}")
        before = scale if self.ratio == 1 else 1
        return Tiling(width * before, height * before, self.across, self.down, self.overlap)


def shape_for(student: Student, upscaler: Upscaler, ratio: int) -> Shape:
    """The tiles of a student's pictures: whole pictures where they are no larger than the upscaler's tile."""
    least = SCALES[0] if ratio == 1 else ratio
    side = upscaler.tile // least
    across, down = min(student.width, side), min(student.height, side)
    if ratio == 1:
        across, down = across * least, down * least
    overlap = upscaler.overlap // (1 if ratio == 1 else ratio)
    return Shape(across, down, ratio, min(overlap, across // 2, down // 2))


class Enlarger(Protocol):
    """Enlarges tiles of a student's pictures. Belongs to one thread."""

    @property
    def shape(self) -> Shape: ...

    @property
    def backend(self) -> str: ...

    @property
    def device(self) -> str: ...

    @property
    def precision(self) -> str: ...

    def enlarge(self, tile: Pixels) -> Pixels:
        """uint8 [down, across, 3] to uint8 [down * ratio, across * ratio, 3]. Raises EngineError."""
        ...

    def close(self) -> None: ...


class Enlargement:
    """One picture on its way: `step` until it is `done`, then `picture`."""

    def __init__(self, enlarger: Enlarger, picture: Pixels, scale: int) -> None:
        height, width, _ = picture.shape
        shape = enlarger.shape
        tiling = shape.tiling(width, height, scale)
        if shape.ratio == 1:
            picture = bicubic(picture, scale)
        self._enlarger, self._tiles, self._left = enlarger, tiling.cut(picture), len(tiling.corners())
        self._canvas = Canvas(tiling, shape.ratio)

    @property
    def done(self) -> bool:
        return not self._left

    def step(self) -> None:
        """Enlarge the next tile. Raises EngineError."""
        tile = next(self._tiles)
        made = self._enlarger.enlarge(tile)
        down, across, _ = tile.shape
        ratio = self._enlarger.shape.ratio
        if made.shape != (down * ratio, across * ratio, 3):
            raise EngineError(f"the upscaler made {made.shape} of a tile of {tile.shape}, not {ratio} times as much")
        self._canvas.put(made)
        self._left -= 1

    def picture(self) -> Pixels:
        return self._canvas.picture()


def bicubic(picture: Pixels, scale: int) -> Pixels:
    """A picture so many times larger, by Pillow's bicubic interpolation, which is what such networks were trained over."""
    height, width, _ = picture.shape
    return np.array(Image.fromarray(picture).resize((width * scale, height * scale), Image.Resampling.BICUBIC))
