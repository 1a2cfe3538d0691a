"""JPEG: what careless cameras write is painted, what ends too early is not, and nothing hostile gets past the walk."""

import struct
from typing import Any

import numpy as np
import pytest
from PIL import Image

from server import codec
from server.codec import BadImage, Limits, jpeg, walk

from .files import jpeg_with, saved

STRAYS = {
    "zeros": b"\0\0\0",
    "text": b"\x11\x22\x33",
    "fill": b"\xff\xff\xff",
    "stuffed": b"\0\xff\0\x12",
    "restart": b"\xff\xd3\0",
}
MARKERS = {"quantisation": 0xDB, "frame": 0xC0, "huffman": 0xC4, "scan": 0xDA, "end": 0xD9}


@pytest.fixture(scope="module")
def plain(picture: Any) -> bytes:
    return saved(Image.fromarray(picture(3)), "JPEG", quality=95)


@pytest.mark.parametrize("stray", STRAYS)
@pytest.mark.parametrize("marker", MARKERS)
def test_stray_bytes_before_a_marker(plain: bytes, marker: str, stray: str) -> None:
    """Bytes that belong to nothing change nothing, before whichever marker they stand."""
    careless = jpeg_with(plain, MARKERS[marker], STRAYS[stray])
    assert (codec.decode(careless, 256, 256) == codec.decode(plain, 256, 256)).all()


def test_stray_bytes_around_the_start(plain: bytes) -> None:
    """Nor do they before the start, or just after it."""
    for careless in (b"\0\x01\x02" + plain, plain[:2] + b"\0\x01" + plain[2:], plain + b"\0" * 500):
        assert (codec.decode(careless, 256, 256) == codec.decode(plain, 256, 256)).all()


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_rows": 1}])
def test_no_end_marker(picture: Any, options: dict[str, Any]) -> None:
    """A picture that is all there needs no end marker."""
    data = saved(Image.fromarray(picture(3)), "JPEG", **options)
    assert (codec.decode(data[:-2], 256, 256) == codec.decode(data, 256, 256)).all()
    assert (codec.decode(data[:-1], 256, 256) == codec.decode(data, 256, 256)).all()


def test_the_last_block_may_be_lost(plain: bytes) -> None:
    """A byte lost at the end costs a block, not the picture."""
    lost = codec.decode(plain[:-3], 256, 256) != codec.decode(plain, 256, 256)
    assert not lost[:240].any()
    assert not lost[:, :224].any()


@pytest.mark.parametrize("share", [0.3, 0.5, 0.9, 0.97])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_rows": 1}])
@pytest.mark.parametrize("ended", [False, True])
@pytest.mark.parametrize("side", [32, 256])
def test_rows_are_missing(picture: Any, share: float, options: dict[str, Any], ended: bool, side: int) -> None:
    """A picture that lacks more than its last block is refused, with or without an end marker, at any scale."""
    data = saved(Image.fromarray(picture(3)), "JPEG", quality=95, **options)
    with pytest.raises(BadImage, match="ends too early"):
        codec.decode(data[: int(len(data) * share)] + (b"\xff\xd9" if ended else b""), side, side)


def test_missing_rows_behind_stray_bytes(plain: bytes) -> None:
    """Stray bytes do not hide that rows are missing."""
    careless = jpeg_with(plain, MARKERS["scan"], b"\0\x12\0")
    with pytest.raises(BadImage, match="ends too early"):
        codec.decode(careless[: len(careless) // 2], 256, 256)


def test_a_progressive_picture_without_its_last_scans(picture: Any) -> None:
    """Of a progressive picture without an end, every scan must be there: else it is coarse all over."""
    data = saved(Image.fromarray(picture(3)), "JPEG", progressive=True)
    with pytest.raises(BadImage, match="ends too early"):
        codec.decode(data[: data.rindex(b"\xff\xda")], 256, 256)


def test_a_grey_end_is_no_missing_end() -> None:
    """A picture that is mid-grey at the end, and whose end has stray bytes before it, is whole."""
    grey = saved(Image.new("RGB", (64, 64), (128, 128, 128)), "JPEG")
    assert (codec.decode(jpeg_with(grey, 0xD9, b"\x12\x34"), 64, 64) == 128).all()


def test_a_comment_is_no_scan(plain: bytes) -> None:
    """A comment that holds the marker of a scan 65 times is a comment."""
    comment = b"\xff\xfe" + struct.pack(">H", 2 + 130) + b"\xff\xda" * 65
    assert (codec.decode(plain[:2] + comment + plain[2:], 256, 256) == codec.decode(plain, 256, 256)).all()


def test_walked(picture: Any) -> None:
    """The walk finds size, orientation and what there is to do, and leaves comments and profiles behind."""
    exif = Image.Exif()
    exif[0x0112] = 6
    data = saved(Image.fromarray(picture(0, 320, 200)), "JPEG", exif=exif.tobytes(), comment=b"c" * 5000)
    walked = walk(data)
    assert (walked.format, walked.width, walked.height, walked.orientation) == ("JPEG", 320, 200, 6)
    assert len(walked.data) < len(data) - 5000


def _scans(side: int, extra: int) -> bytes:
    data = saved(Image.new("RGB", (side, side), (90, 120, 30)), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:last] + (1 + extra) * data[last:-2] + data[-2:]


def test_many_scans() -> None:
    """The scans that encoders write are taken; more than 64, or more than a large picture can afford, are not."""
    assert codec.decode(_scans(64, 50), 64, 64).shape == (64, 64, 3)
    with pytest.raises(BadImage, match="more scans than are taken"):
        codec.decode(_scans(64, 1000), 64, 64)
    with pytest.raises(BadImage, match="more scans than are taken"):
        walk(_scans(1024, 50), Limits(pixels=1 << 20))


def test_many_segments() -> None:
    """Who writes nothing but segments is not read to the end."""
    with pytest.raises(BadImage, match="more than 1000 segments"):
        walk(b"\xff\xd8" + b"\xff\xe1\0\2" * 1_000_000)


@pytest.mark.parametrize("filler", [b"\xff", b"\0", b"\xff\0", b"\xff\xd0", b"\xff\x01"])
def test_megabytes_of_nothing(plain: bytes, filler: bytes) -> None:
    """Megabytes that mean nothing are passed over, before a picture's end and instead of one."""
    nothing = filler * (2_000_000 // len(filler))
    with pytest.raises(BadImage):
        walk(b"\xff\xd8" + nothing)
    assert len(walk(jpeg_with(plain, 0xD9, nothing)).data) > len(nothing)


def test_a_large_one_is_refused_by_its_header(picture: Any, encoded: Any) -> None:
    """A JPEG of too many pixels is refused with its size and the limit."""
    with pytest.raises(BadImage, match=r"640x480; the largest JPEG taken here is 0\.1 megapixels"):
        walk(encoded(picture(0, 640, 480)), Limits(pixels=100_000))


def test_decoded_at_the_scale_that_is_needed(picture: Any, encoded: Any) -> None:
    """No more is decoded than the next of JPEG's own scales."""
    walked = walk(encoded(picture(0, 640, 480)))
    assert jpeg.decode(walked, 60, 60).shape == (60, 80, 3)
    assert jpeg.decode(walked, 256, 256).shape[0] < 480


@pytest.mark.parametrize(
    "cut", [b"\xff\xd8\xff\xc0\0\x08\x08\0", b"\xff\xd8\xff\xc0\0\x11\x08\0\x40\0\x40\x03\1", b"\xff\xd8\xff\xda"]
)
def test_cut_off_headers(cut: bytes) -> None:
    """A header that is cut off is refused, and never an index out of range."""
    with pytest.raises(BadImage):
        walk(cut)


def test_names_given_twice(plain: bytes) -> None:
    """Components with one name, against the standard, are counted at the finest of their samplings."""
    frame = plain.index(b"\xff\xc0")
    twice = bytearray(plain)
    twice[frame + 13] = twice[frame + 16] = twice[frame + 10]
    assert walk(bytes(twice)).cost >= walk(plain).cost
    assert np.prod(codec.decode(plain, 8, 8).shape) == 8 * 8 * 3


@pytest.mark.parametrize(("huffman", "arithmetic"), [(0xC0, 0xC9), (0xC2, 0xCA)], ids=["at once", "in scans"])
def test_arithmetic_coding_has_its_price(huffman: int, arithmetic: int) -> None:
    """A file of some size is expected to take several times as long where its bytes are coded arithmetically."""
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (512, 512, 3), dtype=np.uint8))
    plain = saved(noise, "JPEG", quality=90, progressive=huffman == 0xC2)
    coded = plain.replace(bytes((0xFF, huffman)), bytes((0xFF, arithmetic)), 1)
    assert walk(coded).cost > 3 * walk(plain).cost
