"""Masks: pictures that say which part of another is painted anew."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from . import jpeg, png, webp
from .decode import cover, upright
from .picture import BadImage, Limits, Picture
from .walk import walk

_NEARLY = 8
"""Levels from black or white within which a mask is black or white: JPEG leaves its edges ragged by a few."""


class BadMask(BadImage):
    """A mask that cannot be taken."""

    code = "bad_mask"


@dataclass(frozen=True, slots=True)
class Mask:
    """A mask's picture, encoded; which part of it is where to paint (`server.types.MASK_PAINTS`), and how soft its edges are:
    the sigma of a Gaussian, in pixels of the decoded picture.
    """

    data: bytes
    paints: str = "white"
    blur: float = 0.0


def walk_mask(mask: Mask, of: Picture, limits: Limits) -> Picture:
    """Its header, judged beside that of the picture that it is `of`. Raises BadMask."""
    try:
        walked = walk(mask.data, limits)
    except BadImage as error:
        raise BadMask(f"the mask: {error}") from error
    if walked.shown != of.shown:
        sizes = ["x".join(map(str, one.shown)) for one in (walked, of)]
        raise BadMask(f"the mask is {sizes[0]}, and its image {sizes[1]}: send a mask of the image's size")
    return walked


def decode_mask(picture: Picture, mask: Mask, width: int, height: int) -> NDArray[np.uint8]:
    """A walked mask to uint8 [height, width], 255 where to paint and 0 where not, cropped as its image is. Raises BadMask."""
    across, down = (height, width) if picture.turned else (width, height)
    try:
        if picture.format == "JPEG":
            image = Image.fromarray(jpeg.decode(picture, across, down))
        else:
            image = (png if picture.format == "PNG" else webp).decode(picture)
    except BadImage as error:
        raise BadMask(f"the mask: {error}") from error
    levels = np.asarray(_levels(image, mask.paints))
    clear = np.where(levels < _NEARLY, 0, np.where(levels > 255 - _NEARLY, 255, levels)).astype(np.uint8)
    # means of whole pixels: what is nowhere painted stays 0, where a smoother kernel would ring
    fitting = cover(Image.fromarray(clear), across, down, Image.Resampling.BOX)
    small: Any = Image.fromarray(upright(fitting, picture.orientation))
    if mask.blur:
        small = small.filter(ImageFilter.GaussianBlur(mask.blur))
    return np.array(small)


def _levels(image: Image.Image, paints: str) -> Image.Image:
    """How much each pixel is where to paint, as a grey picture."""
    if paints in ("clear", "opaque"):
        if image.mode != "RGBA":
            raise BadMask("the mask has no transparency, which is to say where to paint: send a PNG with an alpha channel")
        alpha = image.getchannel("A")
        return alpha if paints == "opaque" else alpha.point(lambda level: 255 - level)
    if image.mode == "RGBA":  # what nothing is drawn on is not where to paint
        ground = Image.new("RGB", image.size, "black" if paints == "white" else "white")
        ground.paste(image, mask=image.getchannel("A"))
        image = ground
    grey = image.convert("L")
    return grey if paints == "white" else grey.point(lambda level: 255 - level)
