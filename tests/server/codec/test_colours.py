"""Every format and mode that can be written is painted in the colours that it was drawn in."""

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms

from server import codec

from .files import PNG_START, jpeg_without, png_chunk, saved

Pixels = NDArray[np.uint8]
SIDE = 64
GREY = Image.linear_gradient("L").resize((SIDE, SIDE))
DRAWN = Image.merge("RGB", (GREY, GREY.transpose(Image.Transpose.ROTATE_90), Image.new("L", (SIDE, SIDE), 90)))
ALPHA = GREY.transpose(Image.Transpose.ROTATE_180)


def _rgb(image: Image.Image) -> Pixels:
    return np.asarray(image.convert("RGB"))


def _on_white(image: Image.Image) -> Pixels:
    white = Image.new("RGBA", image.size, "white")
    white.alpha_composite(image.convert("RGBA"))
    return _rgb(white)


def _differ(data: bytes, expected: Pixels) -> float:
    pixels = codec.decode(data, SIDE, SIDE)
    return float(np.abs(pixels.astype(int) - expected).mean())


def _with_alpha(mode: str) -> Image.Image:
    image = DRAWN.convert("L" if mode == "LA" else "RGB")
    image.putalpha(ALPHA)
    return image


OPAQUE = {
    "PNG": (["1", "L", "P", "RGB"], {}, 0.0),
    "WEBP": (["L", "RGB", "P"], {"lossless": True}, 0.0),
    "JPEG": (["L", "RGB", "CMYK"], {"quality": 97}, 2.0),
}
CASES = [(name, mode, options, most) for name, (modes, options, most) in OPAQUE.items() for mode in modes]


@pytest.mark.parametrize(("image_format", "mode", "options", "most"), CASES, ids=[f"{case[0]} {case[1]}" for case in CASES])
def test_opaque(image_format: str, mode: str, options: dict[str, Any], most: float) -> None:
    """Grey, coloured, indexed, two-coloured and printers' pictures keep their colours."""
    image = DRAWN.convert(mode)
    assert _differ(saved(image, image_format, **options), _rgb(image)) <= most


@pytest.mark.parametrize("options", [{"subsampling": 0}, {"subsampling": 1}, {"subsampling": 2}, {"progressive": True},
                                     {"optimize": True}, {"restart_marker_rows": 1}, {"keep_rgb": True}])  # fmt: skip
def test_ways_to_write_a_jpeg(options: dict[str, Any]) -> None:
    """However a JPEG is written, its colours are the same."""
    assert _differ(saved(DRAWN, "JPEG", quality=97, **options), _rgb(DRAWN)) < 2


def test_a_jpeg_without_huffman_tables() -> None:
    """Webcams leave out the usual tables, and are understood."""
    assert _differ(jpeg_without(saved(DRAWN, "JPEG", quality=97), 0xC4), _rgb(DRAWN)) < 2


def test_ycck() -> None:
    """Printers' colours that were turned into luma and chroma, as Adobe's programs write them."""
    inks = DRAWN.convert("CMYK").split()
    luma = Image.merge("RGB", inks[:3]).convert("YCbCr").split()
    data = saved(Image.merge("CMYK", (*luma, inks[3])), "JPEG", quality=97)
    place = data.index(b"Adobe") + 11
    data = data[:place] + b"\x02" + data[place + 1 :]
    with Image.open(io.BytesIO(data)) as judged:  # by another decoder
        expected = _rgb(judged)
    assert _differ(data, expected) < 2


def test_an_unknown_transform() -> None:
    """A JPEG that says something unknown of its colours is read as most are."""
    plain = saved(DRAWN, "JPEG", quality=97)
    data = jpeg_without(plain, 0xE0)
    data = data[:2] + b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x07" + data[2:]
    assert _differ(data, _rgb(DRAWN)) < 2


def test_a_sampling_that_few_decoders_know() -> None:
    """A JPEG whose colours are sampled strangely is read by another decoder."""
    data = bytearray(saved(DRAWN, "JPEG", quality=97, subsampling=0))
    frame = data.index(b"\xff\xc0")
    data[frame + 14] = 0x12  # the second component: finer than luma downwards
    pixels = codec.decode(bytes(data), SIDE, SIDE)
    assert pixels.shape == (SIDE, SIDE, 3)


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
@pytest.mark.parametrize(
    ("image_format", "options", "most"), [("PNG", {}, 0.6), ("WEBP", {"lossless": True, "exact": True}, 0.6)]
)
def test_transparent(mode: str, image_format: str, options: dict[str, Any], most: float) -> None:
    """What can be seen through lies on white."""
    image = _with_alpha(mode)
    assert _differ(saved(image, image_format, **options), _on_white(image)) <= most


def test_a_transparent_lossy_webp() -> None:
    """So it does where colours are stored roughly and transparency beside them."""
    image = _with_alpha("RGBA")
    assert _differ(saved(image, "WEBP", quality=95), _on_white(image)) < 5


def test_nothing_hidden_is_shown() -> None:
    """What is hidden under full transparency stays hidden."""
    image = Image.new("RGBA", (SIDE, SIDE), (255, 0, 0, 0))
    for image_format, options in (("PNG", {}), ("WEBP", {"lossless": True, "exact": True})):
        assert (codec.decode(saved(image, image_format, **options), SIDE, SIDE) == 255).all()


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB"])
def test_one_colour_transparent(mode: str) -> None:
    """A PNG may name one colour that is none: there is white in its place."""
    image = DRAWN.convert(mode)
    clear = image.getpixel((5, 5))
    data = saved(image, "PNG", transparency=clear)
    expected = _rgb(image).copy()
    flat = np.asarray(image)
    expected[(flat == np.asarray(clear)).reshape(SIDE, SIDE, -1).all(-1)] = 255
    assert _differ(data, expected) == 0


def test_indexed_with_a_table_of_transparency() -> None:
    """Each colour of a palette may have its own."""
    image = DRAWN.quantize(16)
    data = saved(image, "PNG", transparency=bytes(range(0, 256, 16)))
    with Image.open(io.BytesIO(data)) as read:
        expected = _on_white(read)
    assert _differ(data, expected) <= 0.6


def _deep(values: NDArray[np.uint16], colours: int, clear: tuple[int, ...] = ()) -> bytes:
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    header = struct.pack(">IIBBBBB", SIDE, SIDE, 16, colours, 0, 0, 0)
    gone = png_chunk(b"tRNS", struct.pack(f">{len(clear)}H", *clear)) if clear else b""
    return PNG_START + png_chunk(b"IHDR", header) + gone + png_chunk(b"IDAT", zlib.compress(rows)) + png_chunk(b"IEND")


@pytest.mark.parametrize(("colours", "channels"), [(0, 1), (2, 3), (4, 2), (6, 4)])
def test_sixteen_bits(colours: int, channels: int) -> None:
    """A PNG of 16 bits a channel, grey or coloured, transparent or not, is no other than one of 8."""
    mode = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[channels]
    image = _with_alpha(mode) if channels in (2, 4) else DRAWN.convert(mode)
    values = np.asarray(image).astype(np.uint16) * 257
    assert _differ(_deep(values.reshape(SIDE, -1), colours), _on_white(image)) <= 0.6


@pytest.mark.parametrize(("colours", "channels"), [(0, 1), (2, 3)])
def test_sixteen_bits_and_one_colour_transparent(colours: int, channels: int) -> None:
    """The one colour that is none may have 16 bits, too."""
    image = DRAWN.convert({1: "L", 3: "RGB"}[channels])
    flat = np.asarray(image).reshape(SIDE, SIDE, channels)
    clear = flat[5, 5]
    expected = _rgb(image).copy()
    expected[(flat == clear).all(-1)] = 255
    data = _deep(flat.astype(np.uint16).reshape(SIDE, -1) * 257, colours, tuple(int(value) * 257 for value in clear))
    assert _differ(data, expected) == 0


def test_deep_grey_is_not_white() -> None:
    """Grey of 16 bits is rounded to 8, from black to white."""
    ramp = np.linspace(0, 65535, SIDE).round().astype(np.uint16)
    pixels = codec.decode(_deep(np.tile(ramp, (SIDE, 1)), 0), SIDE, SIDE)
    assert np.abs(pixels[0, :, 0] - np.linspace(0, 255, SIDE)).max() <= 0.51


def _interlaced(pixels: Pixels) -> bytes:
    """By Adam7 (ISO/IEC 15948, section 8.2), which Pillow reads but does not write."""
    rows = b""
    for left, top, across, down in (
        (0, 0, 8, 8),
        (4, 0, 8, 8),
        (0, 4, 4, 8),
        (2, 0, 4, 4),
        (0, 2, 2, 4),
        (1, 0, 2, 2),
        (0, 1, 1, 2),
    ):
        rows += b"".join(b"\0" + row.tobytes() for row in pixels[top::down, left::across])
    header = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 1)
    return PNG_START + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", zlib.compress(rows)) + png_chunk(b"IEND")


def test_interlaced() -> None:
    """An interlaced PNG is put together."""
    assert _differ(_interlaced(_rgb(DRAWN)), _rgb(DRAWN)) == 0


@pytest.mark.parametrize("image_format", ["WEBP", "PNG"])
def test_animated(image_format: str) -> None:
    """Of an animation the first picture is painted."""
    others = [Image.new("RGB", DRAWN.size, colour) for colour in ("red", "blue")]
    options: dict[str, Any] = {"lossless": True} if image_format == "WEBP" else {}
    data = saved(DRAWN, image_format, save_all=True, append_images=others, **options)
    assert _differ(data, _rgb(DRAWN)) == 0


def test_a_transparent_animation() -> None:
    """The first picture of an animation lies on white where it can be seen through."""
    image = _with_alpha("RGBA")
    data = saved(image, "WEBP", save_all=True, append_images=[DRAWN.convert("RGBA")], lossless=True, exact=True)
    assert _differ(data, _on_white(image)) <= 0.6


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP"])
def test_a_colour_profile_is_not_applied(image_format: str) -> None:
    """Numbers are taken as sRGB, whatever profile stands beside them."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()
    options: dict[str, Any] = {"lossless": True} if image_format == "WEBP" else {}
    plain, profiled = (saved(DRAWN, image_format, **options, **more) for more in ({}, {"icc_profile": profile}))
    assert (codec.decode(plain, SIDE, SIDE) == codec.decode(profiled, SIDE, SIDE)).all()


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("size", [(96, 64), (64, 96)])
def test_the_right_way_up(image_format: str, orientation: int, size: tuple[int, int]) -> None:
    """However a camera was held, the picture is upright, in the shape that is asked for."""
    picture = DRAWN.resize(size)
    way = Image.Transpose
    undone = {2: way.FLIP_LEFT_RIGHT, 3: way.ROTATE_180, 4: way.FLIP_TOP_BOTTOM, 5: way.TRANSPOSE, 6: way.ROTATE_90,
              7: way.TRANSVERSE, 8: way.ROTATE_270}  # fmt: skip
    stored = picture.transpose(undone[orientation]) if orientation > 1 else picture
    exif = Image.Exif()
    exif[0x0112] = orientation
    best: dict[str, dict[str, Any]] = {"JPEG": {"quality": 97}, "WEBP": {"lossless": True}}
    options = best.get(image_format, {})
    pixels = codec.decode(saved(stored, image_format, exif=exif.tobytes(), **options), *size)
    assert pixels.shape == (size[1], size[0], 3)
    assert np.abs(pixels.astype(int) - np.asarray(picture)).mean() < (2 if image_format == "JPEG" else 0.01)
