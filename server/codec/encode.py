"""Pixels to the bytes of a picture."""

import io

import numpy as np
import simplejpeg
from PIL import Image

from .decode import cover
from .picture import Pixels


def encode(pixels: Pixels, image_format: str, quality: int, size: tuple[int, int] | None = None) -> bytes:
    """uint8 [h, w, 3] to JPEG, WebP or PNG; `quality` is 1..100, and for PNG means nothing.

    Of `size`, width and height, it is where that is given: scaled, and of another shape cropped to the middle.
    """
    if size is not None:
        pixels = cover(Image.fromarray(pixels), *size)
    if image_format == "jpeg":
        return bytes(
            simplejpeg.encode_jpeg(np.ascontiguousarray(pixels), quality=quality, colorspace="RGB", colorsubsampling="420")
        )
    buffer = io.BytesIO()
    options: dict[str, int] = {"quality": quality, "method": 2} if image_format == "webp" else {"compress_level": 1}
    Image.fromarray(pixels).save(buffer, format=image_format.upper(), **options)
    return buffer.getvalue()
