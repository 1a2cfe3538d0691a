"""Decoding: three formats, any size, and no file, however made, that gets further than an error."""

import contextlib
import time
import tracemalloc
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from server import codec
from server.codec import BadImage

from .files import png, webp_of_size

Pixels = NDArray[np.uint8]


def _differ(a: Pixels, b: Pixels) -> float:
    return float(np.abs(a.astype(int) - b.astype(int)).mean())


@pytest.mark.parametrize("image_format", ["JPEG", "WEBP", "PNG"])
def test_decode(image_format: str, picture: Any, encoded: Any) -> None:
    """Each format gives the picture that was encoded."""
    pixels = codec.decode(encoded(picture(), image_format=image_format, quality=95), 256, 256)
    assert pixels.shape == (256, 256, 3)
    assert pixels.dtype == np.uint8
    assert _differ(pixels, picture()) < (0.01 if image_format == "PNG" else 3)


@pytest.mark.parametrize(("width", "height"), [(640, 480), (480, 640), (1920, 1080), (100, 90), (256, 9)])
@pytest.mark.parametrize("image_format", ["JPEG", "PNG"])
def test_other_sizes_are_cropped(width: int, height: int, image_format: str, picture: Any, encoded: Any) -> None:
    """A picture of another size is cropped to its middle and resized."""
    drawn = picture(1, width, height)
    pixels = codec.decode(encoded(drawn, image_format=image_format), 256, 256)
    assert pixels.shape == (256, 256, 3)
    side = min(width, height)
    middle = drawn[(height - side) // 2 :, (width - side) // 2 :][:side, :side]
    assert _differ(pixels.mean((0, 1)), middle.mean((0, 1))) < 4


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "not a JPEG, WebP or PNG"),
        (b"hello", "not a JPEG, WebP or PNG"),
        (b"GIF89a\x10\x00\x10\x00\x80\x00\x00\xff\xff\xff\x00\x00\x00,\x00\x00\x00\x00\x10\x00\x10\x00\x00\x02;", "not a JPEG"),
        (b"\xff\xd8\xff", "JPEG cannot be decoded"),
        (b"\xff\xd8\xff\xe0 painted", "JPEG cannot be decoded"),
        (b"\x89PNG\r\n\x1a\n", "not a JPEG"),
        (b"RIFF\x00\x00\x00\x00WEBP", "not a JPEG"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a JPEG"),
        (b"\x00" * 100_000, "not a JPEG"),
        (png(64, 64), "ends too early|truncated"),
        (png(64, 64, b"no zlib stream"), "PNG cannot be decoded"),
        (png(0, 64), "no pixels"),
        (png(4, 64), "smallest taken is 8x8"),
    ],
    ids=["empty", "text", "gif", "three bytes", "jpeg of text", "png magic", "webp magic", "svg", "zeros", "png without rows",
         "png without zlib", "png of width 0", "tiny png"],
)  # fmt: skip
def test_no_image(data: bytes, complaint: str) -> None:
    """What is not an image we take is refused in one line of words."""
    with pytest.raises(BadImage, match=complaint) as refused:
        codec.decode(data, 32, 32)
    assert "\n" not in str(refused.value)
    assert "0x" not in str(refused.value)


@pytest.mark.parametrize("image_format", ["JPEG", "WEBP", "PNG"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_truncated(image_format: str, share: float, encoded: Any) -> None:
    """A file that ends too early is refused, and never half a picture."""
    data = encoded(seed=3, image_format=image_format)
    with pytest.raises(BadImage):
        codec.decode(data[: int(len(data) * share)], 256, 256)


@pytest.mark.parametrize("image_format", ["JPEG", "WEBP", "PNG"])
def test_damaged_anywhere(image_format: str, encoded: Any) -> None:
    """A file with bytes changed gives a picture or a BadImage, never another exception."""
    data, rng = encoded(seed=4, image_format=image_format), np.random.default_rng(0)
    for _ in range(60):
        broken = bytearray(data)
        for place in rng.integers(0, len(data), 8):
            broken[place] = rng.integers(0, 256)
        with contextlib.suppress(BadImage):
            assert codec.decode(bytes(broken), 256, 256).shape == (256, 256, 3)


@pytest.mark.parametrize(
    "bomb", [png(20_000, 20_000), png(2**31 - 1, 2**31 - 1), png(2_000_000, 9), webp_of_size(16_000, 16_000)],
    ids=["20000x20000", "2^31", "flat", "webp"],
)  # fmt: skip
def test_bombs(bomb: bytes) -> None:
    """A picture that promises too many pixels costs no memory and no time."""
    tracemalloc.start()
    began = time.thread_time()  # of this thread's own work, however busy the machine is
    with pytest.raises(BadImage):
        codec.decode(bomb, 256, 256)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert time.thread_time() - began < 1.0
    assert peak < 4 << 20
