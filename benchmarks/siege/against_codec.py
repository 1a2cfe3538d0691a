"""Attacks on the decoders: pictures of few bytes and many pixels, scans, chunks or frames."""

from . import frames, material
from .attack import attack
from .hostile import Hostile


def _show(me: Hostile, image: bytes, every: float = 0.1, **params: object) -> None:
    """Send the picture again and again, patiently, as a live user does."""
    one = None
    for number in me.rounds():
        if one is None and (one := me.stream()) is not None and not me.send(one, frames.params(similarity=None, **params)):
            one = None
        if one is None or not me.send(one, frames.picture(number, image)):
            one = None
        me.sleep(every)


@attack(4)
def flat_webp(me: Hostile) -> None:
    """A WebP of 16 megapixels in some hundred bytes, ten times a second."""
    _show(me, material.plain(material.SIDE, "WEBP", lossless=True))


@attack(4)
def flat_webp_unpaced(me: Hostile) -> None:
    """The same, as fast as the rate allows."""
    image = material.plain(material.SIDE, "WEBP", lossless=True)
    me.pour(lambda count: frames.picture(count, image), me.stream)


@attack(4)
def flat_webp_with_loss(me: Hostile) -> None:
    """A WebP of 16 megapixels in 25 KB, ten times a second."""
    _show(me, material.plain(material.SIDE, "WEBP", quality=1))


@attack(4)
def webp_without_loss(me: Hostile) -> None:
    """A WebP of noise, coded without loss."""
    _show(me, material.noise(700, "WEBP", lossless=True, method=0))


@attack(4)
def webp_film(me: Hostile) -> None:
    """A moving WebP of a hundred frames."""
    _show(me, material.film(600, 100, "WEBP"))


@attack(4)
def flat_jpeg(me: Hostile) -> None:
    """A JPEG of 16 megapixels of one colour."""
    _show(me, material.plain(material.SIDE, quality=20))


@attack(4)
def turned_jpeg(me: Hostile) -> None:
    """A JPEG of 16 megapixels that is to be turned."""
    _show(me, material.jpeg_turned(material.SIDE))


@attack(4)
def jpeg_of_many_scans(me: Hostile) -> None:
    """A progressive JPEG of 64 scans."""
    _show(me, material.jpeg_of_scans(2000, 64))


@attack(4)
def jpeg_of_some_scans(me: Hostile) -> None:
    """A progressive JPEG of 16 megapixels and as many scans as an honest one has."""
    _show(me, material.plain(material.SIDE, progressive=True, quality=30))


@attack(4)
def jpeg_of_many_segments(me: Hostile) -> None:
    """A small JPEG behind a hundred thousand comments."""
    _show(me, material.jpeg_of_segments(100_000))


@attack(4)
def png_of_many_chunks(me: Hostile) -> None:
    """A small PNG behind 330,000 empty chunks: as large as a message may be."""
    _show(me, material.png_of_chunks(330_000))


@attack(4)
def png_of_some_chunks(me: Hostile) -> None:
    """A small PNG behind 20,000 empty chunks, as often as the rate allows."""
    _show(me, material.png_of_chunks(20_000), every=0.0)


@attack(4)
def flat_png(me: Hostile) -> None:
    """A PNG of 16 megapixels of zeros, with transparency."""
    _show(me, material.png_flat(material.SIDE))


@attack(4)
def flat_png_of_16_bits(me: Hostile) -> None:
    """The same, of 16 bits a channel."""
    _show(me, material.png_flat(material.SIDE, 16))


@attack(4)
def interlaced_png(me: Hostile) -> None:
    """The same, interlaced."""
    _show(me, material.png_flat(material.SIDE, interlaced=True))


@attack(4)
def png_of_packed_texts(me: Hostile) -> None:
    """A small PNG whose texts unpack to megabytes."""
    _show(me, material.png_of_texts(40, 1_000_000))


@attack(4)
def png_of_a_packed_profile(me: Hostile) -> None:
    """A small PNG whose colour profile unpacks to 64 MB."""
    _show(me, material.png_profile(64 << 20))


@attack(4)
def png_film(me: Hostile) -> None:
    """A moving PNG of a hundred frames."""
    _show(me, material.film(600, 100, "PNG"))


@attack(4)
def pictures_cut_short(me: Hostile) -> None:
    """Pictures of 16 megapixels of which the end is missing."""
    whole = (
        material.plain(material.SIDE, quality=20),
        material.plain(material.SIDE, "WEBP"),
        material.png_flat(material.SIDE),
        material.plain(material.SIDE, progressive=True),
    )[me.index % 4]
    _show(me, whole[: len(whole) * 4 // 5])


@attack(4)
def pictures_that_lie(me: Hostile) -> None:
    """Headers of 60,000 by 60,000 pixels and nothing behind, as fast as the rate allows."""
    image = material.claims(60_000, 60_000)
    me.pour(lambda count: frames.picture(count, image), me.stream)


@attack(4)
def pictures_at_the_limits(me: Hostile) -> None:
    """The most that a picture may cost by default, in as few bytes as it can: WebP, PNG of 16 bits, JPEG of many scans."""
    dearest = (
        material.plain(material.WHOLE_SIDE, "WEBP", lossless=True),
        material.png_flat(material.WHOLE_SIDE, 16),
        material.jpeg_of_scans(material.SCANS_SIDE, 64),
        material.plain(material.SIDE, quality=20),
    )[me.index % 4]
    _show(me, dearest, every=0.0)


@attack(4)
def answers_that_cost(me: Hostile) -> None:
    """Small pictures, each to be answered by the slowest kind of file."""
    _show(me, material.plain(256), 0.0, format="webp", quality=100)
