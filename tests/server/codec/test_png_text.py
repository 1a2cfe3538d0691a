"""Texts in a PNG: as Pillow reads and writes them; bounded, whatever a file holds."""

import io
import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from server.codec import BadImage
from server.codec.png_text import texts, with_text

PIXELS = np.zeros((8, 8, 3), np.uint8)


def png(**written: str) -> bytes:
    buffer, info = io.BytesIO(), PngImagePlugin.PngInfo()
    for key, text in written.items():
        info.add_text(key, text, zip=key.startswith("zip"))
    Image.fromarray(PIXELS).save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()


@pytest.mark.parametrize("text", ["a boat\nSteps: 1", "море 🐱", ""])
def test_written(text: str) -> None:
    """What is written Pillow reads, and the picture is the same."""
    image = Image.open(io.BytesIO(with_text(png(), "parameters", text)))
    image.load()
    assert image.info["parameters"] == text
    assert (np.array(image) == PIXELS).all()


def test_read() -> None:
    """What Pillow wrote is read: plain, packed, and of any alphabet."""
    written = {"parameters": "a boat", "other": "море", "zip": "y" * 1000, "zip2": "ё" * 1000}
    assert texts(png(**written)) == written


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def test_bounded() -> None:
    """A text that unpacks to gigabytes, a million of them, one that is cut off or packed wrong cost little."""
    bomb = _chunk(b"zTXt", b"a\0\0" + zlib.compress(b"x" * 50_000_000))
    assert len(texts(png()[:33] + bomb)["a"]) <= 1 << 18
    many = b"".join(_chunk(b"tEXt", b"k%d\0x" % number) for number in range(10_000))
    assert len(texts(png()[:33] + many)) == 64
    assert texts(png()[:33] + _chunk(b"zTXt", b"a\0\0nonsense")) == {"a": ""}
    for end in range(8, 200):
        texts(with_text(png(), "a", "море")[:end])
    texts(png()[:8] + os.urandom(100_000))


def test_no_png() -> None:
    """What is no PNG is refused."""
    with pytest.raises(BadImage, match="not a PNG"):
        texts(b"nonsense")
