"""Masks: where to paint, by light or by transparency, cropped as their picture is; and no other file gets far."""

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from server import codec
from server.codec import BadMask, Mask

from .files import saved

Grey = NDArray[np.uint8]


def _decoded(mask: bytes, paints: str = "white", of: tuple[int, int] = (64, 64), size: int = 64, blur: float = 0.0) -> Grey:
    how, picture = Mask(mask, paints, blur), codec.walk(saved(Image.new("RGB", of), "PNG"))
    return codec.decode_mask(codec.walk_mask(how, picture, codec.DEFAULT_LIMITS), how, size, size)


def _half(image_format: str = "PNG", mode: str = "L", width: int = 64, height: int = 64) -> bytes:
    """Black, with the right half white."""
    levels = np.zeros((height, width), np.uint8)
    levels[:, width // 2 :] = 255
    return saved(Image.fromarray(levels).convert(mode), image_format)


@pytest.mark.parametrize(("image_format", "mode"), [("PNG", "L"), ("PNG", "1"), ("PNG", "RGB"), ("JPEG", "L"), ("WEBP", "RGB")])
def test_by_light(image_format: str, mode: str) -> None:
    """What is white is where to paint, or what is black: all of it, and nothing else, whatever the format."""
    white, black = (_decoded(_half(image_format, mode), paints) for paints in ("white", "black"))
    assert (white.dtype, white.shape) == (np.uint8, (64, 64))
    assert not white[:, :28].any()
    assert (white[:, 36:] == 255).all()
    np.testing.assert_array_equal(black, 255 - white)


def test_by_transparency() -> None:
    """What is transparent is where to paint, or what is opaque; of half it is half."""
    picture = Image.new("RGBA", (64, 64), (9, 200, 3, 255))
    picture.paste((0, 0, 0, 0), (0, 0, 64, 16))
    picture.paste((0, 0, 0, 128), (0, 16, 64, 32))
    clear, opaque = (_decoded(saved(picture, "PNG"), paints) for paints in ("clear", "opaque"))
    assert [clear[at, 5] for at in (0, 20, 40)] == [255, 127, 0]
    np.testing.assert_array_equal(opaque, 255 - clear)


@pytest.mark.parametrize(("paints", "drawn"), [("white", 255), ("black", 0)])
def test_what_nothing_is_drawn_on_is_kept(paints: str, drawn: int) -> None:
    """Strokes on a transparent sheet, as editors save them, are all that is painted."""
    sheet = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    sheet.paste((drawn, drawn, drawn, 255), (16, 16, 32, 32))
    got = _decoded(saved(sheet, "PNG"), paints)
    assert (got[16:32, 16:32] == 255).all()
    assert int(got.astype(int).sum()) == 255 * 16 * 16


def test_cropped_as_its_picture() -> None:
    """Mask and picture of one shape lose the same sides, at any size."""
    wide = np.zeros((60, 120), np.uint8)
    wide[:, 90:] = 255  # all of which is cropped away
    wide[:30, 30:60] = 255
    got = _decoded(saved(Image.fromarray(wide), "PNG"), of=(120, 60), size=32)
    assert (got[:16, :16] == 255).all()
    assert int(got.astype(int).sum()) == 255 * 16 * 16


def test_means_of_pixels() -> None:
    """A finer mask becomes a coarser one by means, and what is nowhere painted stays nothing."""
    levels = np.zeros((128, 128), np.uint8)
    levels[:, 1::2] = 255
    levels[64:] = 0
    got = _decoded(saved(Image.fromarray(levels), "PNG"), of=(128, 128), size=32)
    assert set(got[:16].ravel()) <= {127, 128}
    assert not got[16:].any()


def test_blur() -> None:
    """A blurred edge goes over both sides, and ends."""
    got = _decoded(_half(), blur=2.0)
    assert 100 < int(got[32, 31]) < 128 <= int(got[32, 32]) < 160
    assert (int(got[32, 8]), int(got[32, 56])) == (0, 255)


def test_on_its_side() -> None:
    """A mask that says which way is up is turned, and then has the sides of its picture."""
    exif = Image.Exif()
    exif[0x0112] = 6
    levels = np.zeros((64, 32), np.uint8)
    levels[:, :16] = 255
    lying = saved(Image.fromarray(levels), "JPEG", exif=exif)
    got = _decoded(lying, of=(64, 32), size=32)
    assert (got[:12] == 255).all()
    assert not got[20:].any()


@pytest.mark.parametrize(
    ("mask", "paints", "complaint"),
    [
        (b"hello", "white", "the mask: not a JPEG, WebP or PNG"),
        (_half(width=32), "white", "the mask is 32x64, and its image 64x64: send a mask of the image's size"),
        (_half()[:60], "white", "the mask: the PNG ends too early"),
        (_half(), "clear", "no transparency"),
        (_half("JPEG"), "opaque", "no transparency"),
    ],
    ids=["text", "another size", "cut", "no alpha", "jpeg"],
)
def test_no_mask(mask: bytes, paints: str, complaint: str) -> None:
    """What cannot be a mask is refused as one, in one line of words."""
    with pytest.raises(BadMask, match=complaint) as refused:
        _decoded(mask, paints)
    assert refused.value.code == "bad_mask"
