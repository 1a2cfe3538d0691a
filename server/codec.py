"""Images to bytes and back. Blocking: call it from the codec pool, never on the event loop."""

import io
import warnings

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]

MIME = {"jpeg": "image/jpeg", "webp": "image/webp", "png": "image/png"}


MAX_SCANS = 64
"""Scans of a progressive JPEG. Each costs a pass over all pixels and few bytes; cameras and browsers write about ten."""


class BadImage(ValueError):
    """Bytes that are not an image we take; the text says why, for a person."""


def _is_jpeg(data: bytes) -> bool:
    return data[:3] == b"\xff\xd8\xff"


def _check_size(width: int, height: int, max_pixels: int) -> None:
    if width * height > max_pixels:
        raise BadImage(f"the image is {width}x{height}; the largest taken here is {max_pixels / 1e6:g} megapixels")
    if width < 8 or height < 8:
        raise BadImage(f"the image is {width}x{height}; the smallest taken is 8x8")


def _decode_jpeg(data: bytes, width: int, height: int, max_pixels: int) -> Pixels:
    """Decode at the smallest of JPEG's own scales that is at least width x height."""
    if data.count(b"\xff\xda") > MAX_SCANS:
        raise BadImage(f"the JPEG has more than {MAX_SCANS} scans")
    try:
        real_height, real_width, _, _ = simplejpeg.decode_jpeg_header(data, strict=True)
        _check_size(real_width, real_height, max_pixels)
        return np.asarray(simplejpeg.decode_jpeg(data, "RGB", min_height=height, min_width=width, strict=True))
    except BadImage:
        raise
    except Exception as error:  # a decoder fed with anything may raise anything
        raise BadImage(f"the JPEG cannot be decoded: {error}") from error


def _open(data: bytes, max_pixels: int) -> Image.Image:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(data), formats=("WEBP", "PNG", "JPEG"))
    except Image.DecompressionBombError as error:
        raise BadImage(f"the image is far too large; the largest taken here is {max_pixels / 1e6:g} megapixels") from error
    except Exception as error:  # a reader fed with anything may raise anything
        raise BadImage("not a JPEG, WebP or PNG image") from error
    _check_size(image.width, image.height, max_pixels)
    return image


def _decode_other(data: bytes, max_pixels: int) -> Image.Image:
    image = _open(data, max_pixels)
    try:
        return image.convert("RGB")
    except Exception as error:
        raise BadImage(f"the image cannot be decoded: {error}") from error


def _cover(image: Image.Image, width: int, height: int) -> Pixels:
    """The largest centred part of the right shape, resized."""
    scale = min(image.width / width, image.height / height)
    left, top = (image.width - width * scale) / 2, (image.height - height * scale) / 2
    box = (left, top, left + width * scale, top + height * scale)
    return np.array(image.resize((width, height), Image.Resampling.BICUBIC, box=box, reducing_gap=2.0))


def decode(data: bytes, width: int, height: int, max_pixels: int) -> Pixels:
    """JPEG, WebP or PNG to uint8 [height, width, 3], cropped to the middle and resized. Raises BadImage."""
    if _is_jpeg(data):
        pixels = _decode_jpeg(data, width, height, max_pixels)
        return pixels if pixels.shape == (height, width, 3) else _cover(Image.fromarray(pixels), width, height)
    return _cover(_decode_other(data, max_pixels), width, height)


def thumbnail(data: bytes, width: int, height: int, max_pixels: int) -> Pixels:
    """A small picture for comparing, uint8 [h, w, 3]; width x height is what JPEG's own scaling aims at. Raises BadImage."""
    if _is_jpeg(data):
        return _decode_jpeg(data, width, height, max_pixels)
    return _cover(_decode_other(data, max_pixels), width, height)


def encode(pixels: Pixels, image_format: str, quality: int) -> bytes:
    """uint8 [h, w, 3] to bytes; `quality` is 1..100, and for PNG means nothing."""
    if image_format == "jpeg":
        return bytes(
            simplejpeg.encode_jpeg(np.ascontiguousarray(pixels), quality=quality, colorspace="RGB", colorsubsampling="420")
        )
    buffer = io.BytesIO()
    options: dict[str, int] = {"quality": quality, "method": 2} if image_format == "webp" else {"compress_level": 1}
    Image.fromarray(pixels).save(buffer, format=image_format.upper(), **options)
    return buffer.getvalue()
