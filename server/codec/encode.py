"""Pixels to the bytes of a picture."""

import io

import numpy as np
import simplejpeg
from PIL import Image

from .decode import cover
from .picture import Pixels
from .png_file import png_file
from .provenance import PNG_MARK, XMP, mark_jpeg


def encode(pixels: Pixels, image_format: str, quality: int, size: tuple[int, int] | None = None, marked: bool = False) -> bytes:
    """uint8 [h, w, 3] to JPEG, WebP or PNG; `quality` is 1..100, and for PNG means nothing.

    Of `size`, width and height, it is where that is given: scaled, and of another shape cropped to the middle. `marked`: it
    says of itself that a model made it (see `provenance`).
    """
    if size is not None:
        pixels = cover(Image.fromarray(pixels), *size)
    if image_format == "jpeg":
        jpeg = bytes(
            simplejpeg.encode_jpeg(np.ascontiguousarray(pixels), quality=quality, colorspace="RGB", colorsubsampling="420")
        )
        return mark_jpeg(jpeg) if marked else jpeg
    if image_format == "png":
        return png_file(pixels, PNG_MARK if marked else ())
    buffer = io.BytesIO()
    mark = {"xmp": XMP} if marked else {}
    Image.fromarray(pixels).save(buffer, format=image_format.upper(), quality=quality, method=2, **mark)
    return buffer.getvalue()
