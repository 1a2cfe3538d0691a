"""Pictures that cost more to decode than to send."""

import io
import struct
import zlib

import numpy as np
from PIL import Image

SIDE = 4000
"""Of a picture as large as a server takes by default: 16 megapixels."""
WHOLE_SIDE = 2236
"""Of one that is decoded whole, as PNG and WebP are: 5 megapixels."""
SCANS_SIDE = 1220
"""Of a JPEG that may have 64 scans: six passes over 16 megapixels in all."""


def _saved(image: Image.Image, image_format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, image_format, **options)
    return buffer.getvalue()


def plain(side: int, image_format: str = "JPEG", **options: object) -> bytes:
    """One colour: nearly no bytes, all the pixels."""
    return _saved(Image.new("RGB", (side, side), (90, 140, 200)), image_format, **options)


def noise(side: int, image_format: str, **options: object) -> bytes:
    """Noise, which no coder makes smaller."""
    pixels = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
    return _saved(Image.fromarray(pixels), image_format, **options)


def jpeg_of_scans(side: int, scans: int) -> bytes:
    """A progressive JPEG whose last scan comes again and again: each is a pass over all coefficients."""
    data = plain(side, progressive=True, quality=30)
    start = data.rindex(b"\xff\xda")
    last = data[start:-2]
    return data[:-2] + last * (scans - data.count(b"\xff\xda")) + b"\xff\xd9"


def jpeg_of_segments(count: int) -> bytes:
    """A small JPEG behind so many comments, of which some look like the start of a scan."""
    data = plain(64)
    return data[:2] + b"\xff\xfe\x00\x06\xff\xda\xff\xda" * count + data[2:]


def jpeg_turned(side: int) -> bytes:
    """A JPEG that its EXIF says to turn: a copy of all pixels."""
    image = Image.new("RGB", (side, side - 8), (90, 140, 200))
    exif = image.getexif()
    exif[0x0112] = 6
    return _saved(image, "JPEG", exif=exif)


def _chunk(name: bytes, data: bytes = b"") -> bytes:
    return struct.pack("!I", len(data)) + name + data + struct.pack("!I", zlib.crc32(name + data))


def _png(width: int, height: int, before: bytes, depth: int = 8, colour: int = 2, interlaced: bool = False) -> bytes:
    head = _chunk(b"IHDR", struct.pack("!IIBBBBB", width, height, depth, colour, 0, 0, int(interlaced)))
    channels = {0: 1, 2: 3, 3: 1, 6: 4}[colour]
    rows = zlib.compress(bytes((1 + width * channels * depth // 8) * height * (2 if interlaced else 1)), 9)
    return b"\x89PNG\r\n\x1a\n" + head + before + _chunk(b"IDAT", rows) + _chunk(b"IEND")


def png_of_chunks(count: int) -> bytes:
    """A small PNG behind so many chunks without a byte."""
    return _png(64, 64, _chunk(b"quIt") * count)


def png_flat(side: int, depth: int = 8, interlaced: bool = False) -> bytes:
    """A PNG of zeros."""
    return _png(side, side, b"", depth, 6, interlaced)


def png_of_texts(count: int, unpacked: int) -> bytes:
    """A small PNG behind compressed texts, each of which unpacks to so many bytes."""
    text = _chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(unpacked), 9))
    return _png(64, 64, text * count)


def png_profile(unpacked: int) -> bytes:
    """A small PNG whose colour profile unpacks to so many bytes."""
    return _png(64, 64, _chunk(b"iCCP", b"p\0\0" + zlib.compress(bytes(unpacked), 9)))


def film(side: int, count: int, image_format: str) -> bytes:
    """A moving picture of so many frames."""
    frames = [Image.new("RGB", (side, side), (index % 256, 0, 0)) for index in range(count)]
    return _saved(frames[0], image_format, save_all=True, append_images=frames[1:])


def claims(width: int, height: int) -> bytes:
    """A PNG whose header says a size that it does not hold."""
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", struct.pack("!IIBBBBB", width, height, 8, 2, 0, 0, 0)) + _chunk(b"IDAT", b"x")
