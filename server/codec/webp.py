"""WebP (RFC 9649): its chunks walked; of them only those of the first picture reach the decoder."""

import io
import struct

from PIL import Image

from . import exif
from .picture import BadImage, Limits, Picture, check_size

MAX_CHUNKS = 1000
"""A frame of an animation is one."""

_ANIMATED, _ALPHA, _EXIF = 0x02, 0x10, 0x08


def is_webp(data: bytes) -> bool:
    return data[:4] == b"RIFF" and data[8:12] == b"WEBP"


def _chunk(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("<I", len(body)) + body + b"\0" * (len(body) & 1)


def walk(data: bytes, limits: Limits) -> Picture:
    """Walk a WebP's chunks. Raises BadImage."""
    first: dict[bytes, bytes] = {}
    at, flags = 12, 0
    for _ in range(MAX_CHUNKS):
        if at + 8 > len(data):
            break
        kind, (length,) = data[at : at + 4], struct.unpack_from("<I", data, at + 4)
        body = data[at + 8 : at + 8 + length]
        if len(body) < length:
            raise BadImage("the WebP ends too early")
        at += 8 + length + (length & 1)
        first.setdefault(kind, body)
        if kind == b"VP8X" and len(body) >= 10:
            flags = first[kind][0]
        if kind in (b"VP8 ", b"VP8L") and not flags & (_ANIMATED | _EXIF):
            break
    else:
        raise BadImage(f"the WebP has more than {MAX_CHUNKS} chunks")
    width, height, clean = _first_picture(first, flags, limits)
    turn = exif.orientation(first.get(b"EXIF", b""))
    data = b"RIFF" + struct.pack("<I", len(clean) + 4) + b"WEBP" + clean
    return Picture("WEBP", data, width, height, turn, width * height * 18e-9 + len(clean) * 15e-9)


def _first_picture(first: dict[bytes, bytes], flags: int, limits: Limits) -> tuple[int, int, bytes]:
    """Width and height, and the chunks of the first frame of an animation or of the only picture."""
    if canvas := first.get(b"VP8X", b""):
        if len(canvas) < 10:
            raise BadImage("not a JPEG, WebP or PNG image")
        width, height = (1 + int.from_bytes(canvas[place : place + 3], "little") for place in (4, 7))
        check_size(width, height, limits.whole_pixels, "WebP")
        if flags & _ANIMATED:
            frame = first.get(b"ANMF")
            if frame is None:
                raise BadImage("the WebP cannot be decoded: there is no picture in it")
            head = bytes([flags & (_ANIMATED | _ALPHA)]) + canvas[1:10]
            return width, height, _chunk(b"VP8X", head) + _chunk(b"ANIM", b"\0" * 6) + _chunk(b"ANMF", frame)
    kind = next((kind for kind in (b"VP8 ", b"VP8L") if kind in first), None)
    if kind is None:
        raise BadImage("not a JPEG, WebP or PNG image")
    width, height = _lossy_size(first[kind]) if kind == b"VP8 " else _lossless_size(first[kind])
    check_size(width, height, limits.whole_pixels, "WebP")
    if b"ALPH" not in first or kind == b"VP8L" or not canvas:
        return width, height, _chunk(kind, first[kind])
    head = bytes([_ALPHA]) + canvas[1:10]
    return width, height, _chunk(b"VP8X", head) + _chunk(b"ALPH", first[b"ALPH"]) + _chunk(kind, first[kind])


def _lossy_size(bits: bytes) -> tuple[int, int]:
    """From a key frame's header (RFC 6386, section 9.1)."""
    if len(bits) < 10 or bits[3:6] != b"\x9d\x01\x2a":
        raise BadImage("the WebP cannot be decoded: it does not begin with a key frame")
    return int.from_bytes(bits[6:8], "little") & 0x3FFF, int.from_bytes(bits[8:10], "little") & 0x3FFF


def _lossless_size(bits: bytes) -> tuple[int, int]:
    if len(bits) < 5 or bits[0] != 0x2F:
        raise BadImage("the WebP cannot be decoded: its header is damaged")
    packed = int.from_bytes(bits[1:5], "little")
    return 1 + (packed & 0x3FFF), 1 + (packed >> 14 & 0x3FFF)


def decode(picture: Picture) -> Image.Image:
    """All of it, RGB or RGBA. Raises BadImage."""
    try:
        with Image.open(io.BytesIO(picture.data), formats=("WEBP",)) as image:
            image.load()
            return image.convert("RGBA" if image.mode == "RGBA" else "RGB")
    except Exception as error:  # a reader fed with anything may raise anything
        raise BadImage(f"the WebP cannot be decoded: {error}") from error
