"""Encoding: three formats, any memory layout, and a quality that counts."""

import io
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from server import codec
from server.codec.provenance import mark_jpeg


def _differ(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    return float(np.abs(a.astype(int) - b.astype(int)).mean())


@pytest.mark.parametrize("image_format", ["jpeg", "webp", "png"])
def test_encode(image_format: str, picture: Any) -> None:
    """What is encoded decodes to the same picture; PNG to the last bit."""
    data = codec.encode(picture(), image_format, 95)
    back = codec.decode(data, 256, 256)
    assert _differ(back, picture()) <= (0 if image_format == "png" else 3)
    assert {"jpeg": data[:2] == b"\xff\xd8", "webp": data[8:12] == b"WEBP", "png": data[1:4] == b"PNG"}[image_format]


@pytest.mark.parametrize("image_format", ["jpeg", "webp", "png"])
def test_encode_takes_any_memory_layout(image_format: str, picture: Any) -> None:
    """Pixels that are not contiguous are encoded as what they show."""
    turned = picture().transpose(1, 0, 2)
    assert codec.encode(turned, image_format, 90) == codec.encode(np.ascontiguousarray(turned), image_format, 90)


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (9, 1), (64, 320)])
def test_a_png_of_any_shape(shape: tuple[int, int]) -> None:
    """Its chunks are whole, and its pixels are those that were given."""
    pixels = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    with Image.open(io.BytesIO(codec.encode(pixels, "png", 1))) as image:
        image.verify()
    with Image.open(io.BytesIO(codec.encode(pixels, "png", 1))) as image:
        assert image.mode == "RGB"
        np.testing.assert_array_equal(np.asarray(image), pixels)


def test_a_png_is_not_much_larger_for_being_quick(picture: Any) -> None:
    """Than one for which all filters were tried."""
    slowly = io.BytesIO()
    Image.fromarray(picture()).save(slowly, "PNG")
    assert len(codec.encode(picture(), "png", 1)) < 1.25 * len(slowly.getvalue())


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


@pytest.mark.parametrize("image_format", ["jpeg", "webp", "png"])
def test_the_mark(image_format: str, picture: Any) -> None:
    """A marked picture says in XMP that a model made it, where any reader looks; its pixels are those of one unmarked."""
    plain, marked = (codec.encode(picture(), image_format, 85, marked=mark) for mark in (False, True))
    assert len(plain) < len(marked) < len(plain) + 1024
    np.testing.assert_array_equal(codec.decode(marked, 256, 256), codec.decode(plain, 256, 256))
    with Image.open(io.BytesIO(marked)) as image:
        image.load()
        [[said]] = ElementTree.fromstring(image.info["xmp"])[:]
        kind = said.get("{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}DigitalSourceType")
        assert kind == "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
        assert said.get("{http://ns.adobe.com/xap/1.0/}CreatorTool") == "Allaprima"
        assert image_format != "png" or image.info["Software"] == "Allaprima"
    with Image.open(io.BytesIO(plain)) as image:
        image.load()
        assert "xmp" not in image.info


def test_the_mark_of_a_jpeg_without_jfif() -> None:
    """The mark comes behind the segment that JFIF wants first, and first where there is none."""
    jfif = b"\xff\xd8\xff\xe0\x00\x04ab\xff\xdb rest"
    assert mark_jpeg(jfif).startswith(jfif[:8] + b"\xff\xe1")
    assert mark_jpeg(jfif).endswith(b"\xff\xdb rest")
    assert mark_jpeg(b"\xff\xd8\xff\xdb rest").startswith(b"\xff\xd8\xff\xe1")
