"""Encoding: three formats, any memory layout, and a quality that counts."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from server import codec


def _differ(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    return float(np.abs(a.astype(int) - b.astype(int)).mean())


@pytest.mark.parametrize("image_format", ["jpeg", "webp", "png"])
def test_encode(image_format: str, picture: Any) -> None:
    """What is encoded decodes to the same picture; PNG to the last bit."""
    data = codec.encode(picture(), image_format, 95)
    back = codec.decode(data, 256, 256)
    assert _differ(back, picture()) <= (0 if image_format == "png" else 3)
    assert {"jpeg": data[:2] == b"\xff\xd8", "webp": data[8:12] == b"WEBP", "png": data[1:4] == b"PNG"}[image_format]


def test_encode_takes_any_memory_layout(picture: Any) -> None:
    """Pixels that are not contiguous are encoded as what they show."""
    turned = picture().transpose(1, 0, 2)
    assert codec.encode(turned, "jpeg", 90) == codec.encode(np.ascontiguousarray(turned), "jpeg", 90)


def test_quality_counts(picture: Any) -> None:
    """A lower quality is smaller."""
    assert len(codec.encode(picture(), "jpeg", 20)) < len(codec.encode(picture(), "jpeg", 95))


@pytest.mark.parametrize("image_format", ["jpeg", "webp", "png"])
def test_a_size_of_its_own(image_format: str, picture: Any) -> None:
    """Scaled to the size that is asked for; one of another shape is cropped to the middle, and nothing is stretched."""
    pixels = picture()
    square = codec.decode(codec.encode(pixels, image_format, 95, (512, 512)), 256, 256)
    assert _differ(square, pixels) < 4
    wide = codec.walk(codec.encode(pixels, image_format, 95, (512, 256)))
    assert (wide.width, wide.height) == (512, 256)
    assert _differ(codec.decode(wide, 256, 128), pixels[64:192]) < 4
