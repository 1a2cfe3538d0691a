"""WebP: the first picture is all that is read, by its own header and not by what another promises."""

import struct
from typing import Any

import pytest
from PIL import Image

from server import codec
from server.codec import BadImage, Limits, walk

from .files import saved


@pytest.fixture(scope="module")
def drawn(picture: Any) -> Image.Image:
    return Image.fromarray(picture(3, 64, 64))


def _file(*chunks: tuple[bytes, bytes]) -> bytes:
    body = b"".join(kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) & 1) for kind, data in chunks)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def test_many_frames(drawn: Image.Image) -> None:
    """Of a long animation only the first picture is read; of one that is too long nothing is."""
    frames = [Image.new("RGB", drawn.size, (index % 256, index // 256, 9)) for index in range(300)]
    data = saved(drawn, "WEBP", save_all=True, append_images=frames, lossless=True)
    one = saved(drawn, "WEBP", lossless=True)
    assert (data.count(b"ANMF"), walk(data).data.count(b"ANMF")) == (301, 1)
    assert (codec.decode(data, 64, 64) == codec.decode(one, 64, 64)).all()
    with pytest.raises(BadImage, match="more than 1000 chunks"):
        walk(_file((b"VP8X", bytes([2]) + bytes(9)), *[(b"ANMF", bytes(24))] * 1001))


def test_the_pictures_own_size_counts(drawn: Image.Image) -> None:
    """A large picture is found out by its own header, whatever stands beside it."""
    large = saved(Image.new("RGB", (2000, 1000)), "WEBP", lossless=True)
    assert walk(large).width == 2000
    with pytest.raises(BadImage, match=r"2000x1000; the largest WebP taken here is 1 megapixels"):
        walk(large, Limits(whole_pixels=1_000_000))
    picture = large[12:]
    canvas = b"VP8X" + struct.pack("<I", 10) + bytes(4) + b"\x3f\0\0\x3f\0\0"
    lying = b"RIFF" + struct.pack("<I", 4 + len(canvas) + len(picture)) + b"WEBP" + canvas + picture
    with pytest.raises(BadImage, match="2000x1000"):
        walk(lying, Limits(whole_pixels=1_000_000))


@pytest.mark.parametrize("lossless", [True, False])
def test_what_draws_nothing(drawn: Image.Image, lossless: bool) -> None:
    """Chunks beside the picture are left behind, but for what says which way up it is."""
    exif = Image.Exif()
    exif[0x0112] = 3
    data = saved(drawn, "WEBP", lossless=lossless, exif=exif.tobytes(), xmp=b"x" * 5000, icc_profile=b"p" * 5000)
    walked = walk(data)
    assert walked.orientation == 3
    assert walked.data == walk(saved(drawn, "WEBP", lossless=lossless)).data


def test_riff_of_something_else() -> None:
    """A RIFF file of another kind, or with nothing in it, is no picture."""
    for data in (_file(), _file((b"JUNK", bytes(10))), _file((b"VP8X", bytes(4))), _file((b"VP8X", bytes([2]) + bytes(9)))):
        with pytest.raises(BadImage):
            walk(data)


def test_headers_that_are_none() -> None:
    """A picture that does not begin as one is refused before it is decoded."""
    for chunk in ((b"VP8 ", bytes(20)), (b"VP8L", bytes(20)), (b"VP8L", b"/"), (b"VP8 ", b"")):
        with pytest.raises(BadImage):
            walk(_file(chunk))


def test_cut_off(drawn: Image.Image) -> None:
    """A chunk that is shorter than it says is an end too early."""
    with pytest.raises(BadImage, match="ends too early"):
        walk(saved(drawn, "WEBP")[:-5])
