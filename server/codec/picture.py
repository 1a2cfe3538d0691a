"""What the readers of each format share: a picture's header, the limits it is held to, and how one is refused."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]

BACKDROP = (255, 255, 255)
"""The colour that transparent pictures are laid on: white, as paper is. The page lays its own on the same."""

LEAST_SIDE = 8


class BadImage(ValueError):
    """Bytes that are not an image we take; the text says why, for a person, and `code` for a program."""

    code = "bad_image"


@dataclass(frozen=True, slots=True)
class Limits:
    """What a picture may ask of the decoder.

    `pixels` is for JPEG, decoded at the scale that is needed; `whole_pixels` for PNG and WebP, which are decoded whole.
    """

    pixels: int = 16_000_000
    whole_pixels: int = 5_000_000


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture whose header was walked: what it says of itself, and the bytes that a decoder needs of it, cleaned.

    `cost` is about the seconds that decoding it takes on a middling core; `orientation` is EXIF's, 1 to 8.
    """

    format: str
    data: bytes
    width: int
    height: int
    orientation: int = 1
    cost: float = 0.0
    progressive: bool = False

    @property
    def turned(self) -> bool:
        """Whether it is shown with its sides exchanged."""
        return self.orientation >= 5

    @property
    def shown(self) -> tuple[int, int]:
        """Width and height as it is shown."""
        return (self.height, self.width) if self.turned else (self.width, self.height)


def check_size(width: int, height: int, most: int, kind: str) -> None:
    """Raise BadImage for a picture that is too large or too small."""
    if not width * height:
        raise BadImage("the image has no pixels")
    if width * height > most:
        raise BadImage(f"the image is {width}x{height}; the largest {kind} taken here is {most / 1e6:g} megapixels")
    if width < LEAST_SIDE or height < LEAST_SIDE:
        raise BadImage(f"the image is {width}x{height}; the smallest taken is {LEAST_SIDE}x{LEAST_SIDE}")
