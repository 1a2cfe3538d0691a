"""Pixels to the bytes of a picture."""

import io
from typing import Any

import numpy as np
import simplejpeg
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from .decode import cover
from .picture import Pixels
from .provenance import SOFTWARE, XMP, XMP_IN_PNG, mark_jpeg


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
    buffer = io.BytesIO()
    options: dict[str, Any] = {"quality": quality, "method": 2} if image_format == "webp" else {"compress_level": 1}
    if marked:
        options |= {"xmp": XMP} if image_format == "webp" else {"pnginfo": _PNG_MARK}
    Image.fromarray(pixels).save(buffer, format=image_format.upper(), **options)
    return buffer.getvalue()


def _png_mark() -> PngInfo:
    mark = PngInfo()
    mark.add_itxt(XMP_IN_PNG, XMP.decode())
    mark.add_text("Software", SOFTWARE)
    return mark


_PNG_MARK = _png_mark()
