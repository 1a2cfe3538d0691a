"""Picture files put together by hand, as careless and as hostile writers do."""

import io
import struct
import zlib
from typing import Any

from PIL import Image

PNG_START = b"\x89PNG\r\n\x1a\n"


def saved(image: Image.Image, image_format: str, **options: Any) -> bytes:
    """An image file, by Pillow and so not by the code under test."""
    buffer = io.BytesIO()
    image.save(buffer, image_format, **options)
    return buffer.getvalue()


def png_chunk(kind: bytes, body: bytes = b"") -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, data: bytes = zlib.compress(b"\x00" * 64), depth: int = 8, colours: int = 2) -> bytes:
    """A PNG whose header promises a size; what follows need not keep the promise."""
    header = struct.pack(">IIBBBBB", width, height, depth, colours, 0, 0, 0)
    return PNG_START + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", data) + png_chunk(b"IEND")


def webp_of_size(width: int, height: int) -> bytes:
    """An animated WebP's header with a canvas of that size, and no picture on it."""
    flags = bytes([2, 0, 0, 0])
    body = b"WEBPVP8X" + struct.pack("<I", 10) + flags + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return b"RIFF" + struct.pack("<I", len(body)) + body


def jpeg_with(data: bytes, marker: int, inserted: bytes) -> bytes:
    """A JPEG with bytes before the last marker of a kind."""
    place = data.rindex(bytes([0xFF, marker]))
    return data[:place] + inserted + data[place:]


def jpeg_without(data: bytes, *markers: int) -> bytes:
    """A JPEG without segments of these kinds."""
    kept, at = data[:2], 2
    while data[at + 1] != 0xDA:
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        kept += b"" if data[at + 1] in markers else data[at:end]
        at = end
    return kept + data[at:]
