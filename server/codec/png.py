"""PNG (ISO/IEC 15948): its chunks walked; of them only those that draw reach the decoder.

So neither a million empty chunks nor a text that unpacks to gigabytes costs anything. Of an animated PNG the picture that
those see who know of no animation is taken.
"""

import io
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image

from . import exif
from .picture import BadImage, Limits, Picture, check_size

MAX_CHUNKS = 4096
"""Writers put 8 KiB or more of pixels into one."""

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEADER = struct.Struct(">IIBBBBB")
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by the kind of colours


def is_png(data: bytes) -> bool:
    return data.startswith(_SIGNATURE)


def chunk(kind: bytes, body: bytes) -> bytes:
    """A chunk as it is in a file."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def walk(data: bytes, limits: Limits) -> Picture:
    """Walk a PNG's chunks. Raises BadImage."""
    first: dict[bytes, bytes] = {}
    rows: list[bytes] = []
    at, ended = len(_SIGNATURE), False
    for _ in range(MAX_CHUNKS):
        if at + 12 > len(data):
            break
        (length,) = struct.unpack_from(">I", data, at)
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        at += 12 + length
        if kind == b"IEND":
            ended = True
            break
        if at > len(data):
            break
        if kind in (b"IHDR", b"PLTE", b"tRNS", b"IDAT") and data[at - 4 : at] != struct.pack(">I", zlib.crc32(kind + body)):
            raise BadImage("the PNG cannot be decoded: it is damaged")
        if kind == b"IDAT":
            rows.append(body)
        elif kind in (b"IHDR", b"PLTE", b"tRNS", b"eXIf"):
            first.setdefault(kind, body)
        if kind == b"IHDR":
            _check(first[kind], limits)
    else:
        raise BadImage(f"the PNG has more than {MAX_CHUNKS} chunks")
    header = first.get(b"IHDR", b"")
    if len(header) != _HEADER.size:
        raise BadImage("not a JPEG, WebP or PNG image")
    if not rows or not ended:
        raise BadImage("the PNG ends too early")
    width, height, depth, colours, *_ = _HEADER.unpack(header)
    if depth == 16 and colours == 2 and len(first.get(b"tRNS", b"")) == 6:
        # pixels come with the upper half of their bits, which is what the transparent colour is then compared with
        first[b"tRNS"] = bytes(half for value in first[b"tRNS"][::2] for half in (0, value))
    drawn = [chunk(kind, first[kind]) for kind in (b"IHDR", b"PLTE", b"tRNS") if kind in first]
    clean = b"".join((_SIGNATURE, *drawn, chunk(b"IDAT", b"".join(rows)), chunk(b"IEND", b"")))
    turn = exif.orientation(first.get(b"eXIf", b""))
    unpacked = width * height * depth * _CHANNELS.get(colours, 4) // 8
    return Picture("PNG", clean, width, height, turn, width * height * 8e-9 + unpacked * 3e-9 + len(clean) * 10e-9)


def _check(header: bytes, limits: Limits) -> None:
    if len(header) == _HEADER.size:
        width, height, *_ = _HEADER.unpack(header)
        check_size(width, height, limits.whole_pixels, "PNG")


def decode(picture: Picture) -> Image.Image:
    """All of it, RGB or RGBA. Raises BadImage."""
    try:
        with Image.open(io.BytesIO(picture.data), formats=("PNG",)) as image:
            image.load()
            if _looks_cut(image) and _ends_early(picture.data):
                raise BadImage("the PNG ends too early")
            return _deep_grey(image) if image.mode.startswith("I") else _coloured(image)
    except BadImage:
        raise
    except Exception as error:  # a reader fed with anything may raise anything
        raise BadImage(f"the PNG cannot be decoded: {error}") from error


def _looks_cut(image: Image.Image) -> bool:
    """Whether rows may be missing: the decoder says nothing of it, and leaves them black. Interlaced, they are anywhere."""
    last: Any = image.crop((0, image.height - 1, image.width, image.height)).getbbox(alpha_only=False)
    return last is None or "interlace" in image.info


_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""Left, top, and steps across and down of the passes of an interlaced picture (section 8.2)."""


def _ends_early(clean: bytes) -> bool:
    """Whether the rows unpack to fewer bytes than the picture has."""
    width, height, depth, colours, _, _, interlaced = _HEADER.unpack_from(clean, len(_SIGNATURE) + 8)
    bits = depth * _CHANNELS[colours]
    passes = _ADAM7 if interlaced else ((0, 0, 1, 1),)
    sizes = ((len(range(left, width, across)), len(range(top, height, down))) for left, top, across, down in passes)
    missing: int = sum(rows * (1 + (columns * bits + 7) // 8) for columns, rows in sizes if columns)
    unpacker, packed = zlib.decompressobj(), clean[clean.index(b"IDAT") + 4 : -16]
    while missing > 0 and packed and not unpacker.eof:
        missing -= len(unpacker.decompress(packed, 1 << 20))
        packed = unpacker.unconsumed_tail
    return missing > 0


def _coloured(image: Image.Image) -> Image.Image:
    see_through = image.mode in ("RGBA", "LA") or "transparency" in image.info
    return image.convert("RGBA" if see_through else "RGB")


def _deep_grey(image: Image.Image) -> Image.Image:
    """16 bits of grey to 8, rounded."""
    deep = np.asarray(image).astype(np.uint32)
    grey = Image.fromarray(((deep + 128) // 257).astype(np.uint8))
    clear = image.info.get("transparency")
    if clear is None:
        return grey.convert("RGB")
    return Image.merge("RGBA", (grey, grey, grey, Image.fromarray(np.where(deep == clear, 0, 255).astype(np.uint8))))
