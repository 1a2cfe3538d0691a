"""PNG: chunks that draw nothing cost nothing, and what is damaged or ends too early is refused."""

import struct
import tracemalloc
import zlib
from typing import Any

import pytest
from PIL import Image

from server import codec
from server.codec import BadImage, Limits, walk

from .files import PNG_START, png, png_chunk, saved


@pytest.fixture(scope="module")
def plain(picture: Any) -> bytes:
    return saved(Image.fromarray(picture(3, 64, 64)), "PNG")


def _with(data: bytes, chunks: bytes) -> bytes:
    """With chunks before the pixels."""
    place = data.index(b"IDAT") - 4
    return data[:place] + chunks + data[place:]


def _bomb(kind: bytes, head: bytes, size: int = 200 << 20) -> bytes:
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(bytes(1 << 20)) for _ in range(size >> 20)) + packer.flush()
    return png_chunk(kind, head + packed)


@pytest.mark.parametrize(
    "extra",
    [png_chunk(b"teXt") * 3000, png_chunk(b"tEXt", b"key\0" + b"v" * 900_000), png_chunk(b"gAMA", b"\0\0\0\0")],
    ids=["empty chunks", "a long text", "gamma 0"],
)
def test_what_draws_nothing(plain: bytes, extra: bytes) -> None:
    """Chunks that draw nothing are left behind."""
    assert walk(_with(plain, extra)).data == walk(plain).data
    assert (codec.decode(_with(plain, extra), 64, 64) == codec.decode(plain, 64, 64)).all()


@pytest.mark.parametrize(
    ("kind", "head"), [(b"zTXt", b"key\0\0"), (b"iTXt", b"key\0\1\0\0\0"), (b"iCCP", b"name\0\0")], ids=["zTXt", "iTXt", "iCCP"]
)
def test_a_text_that_unpacks_to_gigabytes(plain: bytes, kind: bytes, head: bytes) -> None:
    """It is never unpacked."""
    data = _with(plain, _bomb(kind, head))
    tracemalloc.start()
    assert codec.decode(data, 64, 64).shape == (64, 64, 3)
    assert tracemalloc.get_traced_memory()[1] < 4 << 20
    tracemalloc.stop()


def test_pixels_that_unpack_to_more_than_the_picture(plain: bytes) -> None:
    """Rows beyond the last one are not unpacked."""
    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes(1 << 20)) for _ in range(200)) + packer.flush()
    tracemalloc.start()
    assert (codec.decode(png(64, 64, rows), 64, 64) == 0).all()
    assert tracemalloc.get_traced_memory()[1] < 4 << 20
    tracemalloc.stop()


def test_many_chunks(plain: bytes) -> None:
    """Who writes hundreds of thousands of chunks is not read to the end."""
    with pytest.raises(BadImage, match="more than 4096 chunks"):
        walk(_with(plain, png_chunk(b"teXt") * 330_000))


def test_pixels_in_many_chunks(plain: bytes) -> None:
    """Pixels in thousands of small chunks are put together."""
    place = plain.index(b"IDAT") - 4
    (length,) = struct.unpack_from(">I", plain, place)
    rows = plain[place + 8 : place + 8 + length]
    cut = b"".join(png_chunk(b"IDAT", rows[at : at + 3]) for at in range(0, len(rows), 3))
    assert (codec.decode(plain[:place] + cut + png_chunk(b"IEND"), 64, 64) == codec.decode(plain, 64, 64)).all()


def test_no_end(plain: bytes) -> None:
    """A PNG without its end is refused: its writer was interrupted."""
    with pytest.raises(BadImage, match="ends too early"):
        walk(plain[:-12])


@pytest.mark.parametrize("interlaced", [0, 1])
@pytest.mark.parametrize("colours", [0, 2, 3, 4, 6])
def test_rows_are_missing(colours: int, interlaced: int) -> None:
    """So is one that ends as it should, and whose rows do not; one that is black to the end is none."""
    side, passes = 61, ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colours]
    rows = b""
    for left, top, across, down in passes if interlaced else ((0, 0, 1, 1),):
        rows += bytes(1 + channels * len(range(left, side, across))) * len(range(top, side, down))
    header = struct.pack(">IIBBBBB", side, side, 8, colours, 0, 0, interlaced)
    start = PNG_START + png_chunk(b"IHDR", header) + (png_chunk(b"PLTE", bytes(6)) if colours == 3 else b"")
    for kept, whole in ((len(rows), True), (len(rows) - 1, False), (len(rows) // 2, False)):
        data = start + png_chunk(b"IDAT", zlib.compress(rows[:kept])) + png_chunk(b"IEND")
        if whole:
            assert codec.decode(data, side, side).shape == (side, side, 3)
        else:
            with pytest.raises(BadImage, match=r"ends too early|truncated"):
                codec.decode(data, side, side)


def test_damaged(plain: bytes) -> None:
    """A chunk that is not what its sum says is refused."""
    damaged = bytearray(plain)
    damaged[plain.index(b"IDAT") + 40] ^= 1
    with pytest.raises(BadImage, match="damaged"):
        walk(bytes(damaged))


def test_a_limit_of_its_own(picture: Any) -> None:
    """A PNG is decoded whole, and so may have fewer pixels than a JPEG."""
    limits = Limits(pixels=1_000_000, whole_pixels=10_000)
    with pytest.raises(BadImage, match=r"200x100; the largest PNG taken here is 0\.01 megapixels"):
        walk(saved(Image.fromarray(picture(0, 200, 100)), "PNG"), limits)
    assert walk(saved(Image.fromarray(picture(0, 200, 100)), "JPEG"), limits).width == 200


def test_a_header_of_another_length() -> None:
    """A header that is none is refused."""
    with pytest.raises(BadImage, match="not a JPEG, WebP or PNG"):
        walk(b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", b"\0" * 5) + png_chunk(b"IEND"))
