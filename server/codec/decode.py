"""Pixels of a picture: the right way up, on the backdrop, cropped to the middle, at the size that is wanted."""

import numpy as np
from PIL import Image

from . import jpeg, png, webp
from .picture import BACKDROP, DEFAULT_LIMITS, Limits, Picture, Pixels
from .walk import walk

Image.MAX_IMAGE_PIXELS = None  # sizes are judged before Pillow sees a picture, by limits of our own


def decode(data: bytes | Picture, width: int, height: int, limits: Limits = DEFAULT_LIMITS) -> Pixels:
    """JPEG, WebP or PNG to uint8 [height, width, 3]. Takes milliseconds to a fraction of a second. Raises BadImage."""
    picture = walk(data, limits) if isinstance(data, bytes) else data
    across, down = (height, width) if picture.turned else (width, height)
    if picture.format == "JPEG":
        pixels = jpeg.decode(picture, across, down)
        if pixels.shape != (down, across, 3):
            pixels = cover(Image.fromarray(pixels), across, down)
    else:
        image = (png if picture.format == "PNG" else webp).decode(picture)
        pixels = cover(_opaque(image), across, down)
    return upright(pixels, picture.orientation)


def _opaque(image: Image.Image) -> Image.Image:
    if image.mode != "RGBA":
        return image
    paper = Image.new("RGB", image.size, BACKDROP)
    paper.paste(image, mask=image.getchannel("A"))
    return paper


def cover(image: Image.Image, width: int, height: int, by: Image.Resampling = Image.Resampling.BICUBIC) -> Pixels:
    """The largest centred part of the right shape, resized."""
    if image.size == (width, height):
        return np.array(image)
    scale = min(image.width / width, image.height / height)
    left, top = (image.width - width * scale) / 2, (image.height - height * scale) / 2
    box = (left, top, left + width * scale, top + height * scale)
    return np.array(image.resize((width, height), by, box=box, reducing_gap=2.0))


def upright(pixels: Pixels, orientation: int) -> Pixels:
    """Undo what EXIF says was done to [height, width, ...]: 5 to 8 have rows for columns, and of what is then left 2 to 4 are
    mirrored or turned.
    """
    if orientation == 1:
        return pixels
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)
