"""JPEG (ITU-T T.81): its markers walked, its pixels decoded at the scale that is wanted.

Cameras are careless, and decoders forgive: stray bytes before a marker are passed over, a missing end marker is no error, and
neither is any other warning of the decoder. A picture that ends too early is one: more than its last block is not there.
"""

import io
import math
import re

import numpy as np
import simplejpeg
from PIL import Image

from . import exif
from .picture import BadImage, Limits, Picture, Pixels, check_size

MAX_SCANS = 64
"""Of a progressive JPEG. Each costs a pass over all pixels and few bytes; cameras and browsers write about ten."""
MAX_SEGMENTS = 1000
"""Beside the scans. The largest colour profile takes 255 of them."""
MAX_PASSES = 6
"""Samples in all scans together, for each pixel that a picture may have: many scans are for smaller pictures. What encoders
write has about eight a pixel."""

_SOS, _APP1 = 0xDA, 0xE1
_ENDS = frozenset((0xD8, 0xD9))  # the end, or the start of another picture
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_ARITHMETIC = frozenset((0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF))
_PROGRESSIVE = frozenset((0xC2, 0xC6, 0xCA, 0xCE))
_TABLES = frozenset((0xC4, 0xCC, 0xDB, 0xDC, 0xDD))
_MARKER = re.compile(rb"\xff[\xc0-\xcf\xd8-\xef\xfe]")  # those that are known and stand outside of a scan's data
_START, _END = b"\xff\xd8", b"\xff\xd9"
_LEADING = 64
"""Stray bytes before the start marker that are passed over."""
_JFIF = b"\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
_ADOBE = b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00"
_LOST = 32
"""Pixels of which the last row may not lack all: a block is 16 wide at most, and the last one may be lost."""
_GREY = 128  # of a block that is not there


class _Frame:
    """A frame header: the size, and of its scans the samples gone over and the bits of each coefficient left out."""

    def __init__(self, marker: int, body: bytes) -> None:
        if len(body) < 6 or len(body) < 6 + 3 * body[5]:
            raise BadImage("the JPEG cannot be decoded: its frame header is cut off")
        self.height, self.width = int.from_bytes(body[1:3], "big"), int.from_bytes(body[3:5], "big")
        self.progressive, self.arithmetic = marker in _PROGRESSIVE, marker in _ARITHMETIC
        self.components = body[5]
        self.samples = 0
        factors: dict[int, int] = {}
        for name, sampling in zip(body[6 : 6 + 3 * body[5] : 3], body[7 : 7 + 3 * body[5] : 3], strict=True):
            factors[name] = max(factors.get(name, 0), (sampling >> 4) * (sampling & 15))  # some have one name twice
        finest = max(1, *factors.values())
        self._samples = {name: self.width * self.height * factor // finest for name, factor in factors.items()}
        self._left_out = {name: [13] * 64 for name in factors}

    def scanned(self, body: bytes) -> None:
        """Take note of a scan by its header."""
        count = body[0] if body else 0
        if len(body) < 4 + 2 * count:
            return
        first, last, low = body[1 + 2 * count], body[2 + 2 * count], body[3 + 2 * count] & 15
        for name in body[1 : 1 + 2 * count : 2]:
            self.samples += self._samples.get(name, self.width * self.height)
            if (bits := self._left_out.get(name)) is not None:
                bits[first : last + 1] = [low] * len(bits[first : last + 1])

    def complete(self) -> bool:
        """Whether every bit of every coefficient was in a scan. Baseline's one scan a component always has them all."""
        return not any(left for bits in self._left_out.values() for left in bits)


def find(data: bytes) -> int:
    """Where a JPEG starts; -1 if it is none."""
    return 0 if data.startswith(_START) else data.find(_START + b"\xff", 0, _LEADING + 3)


def walk(data: bytes, limits: Limits) -> Picture:
    """Walk a JPEG's markers; what has no effect on its pixels, stray bytes with it, is left behind. Raises BadImage."""
    frame: _Frame | None = None
    kept: list[bytes] = []
    jfif, adobe, turn, scans, segments, ended = b"", b"", 1, 0, 0, False
    at = find(data) + 2
    while (found := _MARKER.search(data, at)) is not None:
        if scans:
            kept.append(data[at : found.start()])
        marker = data[found.start() + 1]
        at = found.end()
        if marker in _ENDS:
            ended = True
            break
        segment = data[found.start() : at + max(2, int.from_bytes(data[at : at + 2], "big"))]
        at, body = found.start() + len(segment), segment[4:]
        if marker in _FRAMES and frame is None:
            frame = _Frame(marker, body)
            check_size(frame.width, frame.height, limits.pixels, "JPEG")
        if marker in _FRAMES or marker in _TABLES or marker == _SOS:
            kept.append(segment)
        if marker == _SOS and frame is not None:
            scans += 1
            frame.scanned(body)
            if scans > MAX_SCANS or frame.samples > MAX_PASSES * limits.pixels:
                size = f"{frame.width}x{frame.height}"
                raise BadImage(f"the JPEG of {size} has more scans than are taken at its size; send it baseline or smaller")
        elif (segments := segments + 1) > MAX_SEGMENTS:
            raise BadImage(f"the JPEG has more than {MAX_SEGMENTS} segments")
        elif body.startswith(b"JFIF\0"):
            jfif = _JFIF
        elif body.startswith(b"Adobe") and len(body) >= 12:
            adobe = body[11:12]
        elif marker == _APP1 and body.startswith(b"Exif\0\0"):
            turn = exif.orientation(body)
    if frame is None or not scans:
        raise BadImage("the JPEG cannot be decoded: there is no picture in it")
    if not ended:
        kept.append(data[at:])
        if frame.progressive and not frame.complete():
            raise BadImage("the JPEG ends too early")
    if adobe and adobe[0] > 2:  # a transform that nobody knows; decoders then assume the usual one
        adobe = b"\2" if frame.components == 4 else b"\1"
    clean = b"".join((_START, jfif, _ADOBE + adobe if adobe else b"", *kept, _END))
    return Picture("JPEG", clean, frame.width, frame.height, turn, _cost(frame, len(clean)), frame.progressive)


def _cost(frame: _Frame, size: int) -> float:
    """Seconds, by measure: for each byte, and for each sample of each scan, of which a smaller scale leaves less to do.

    A byte of arithmetic coding holds little more than one of Huffman's, and is decoded bit by bit.
    """
    return frame.samples * (1.2e-9 if frame.progressive else 0.5e-9) + size * (110e-9 if frame.arithmetic else 12e-9)


def decode(picture: Picture, width: int, height: int) -> Pixels:
    """Decode at the smallest of JPEG's own scales that is at least width x height. Raises BadImage."""
    try:
        return _decode(picture, width, height, strict=True)
    except Exception as error:  # the first thing that the decoder minds, or anything, fed with anything
        warning = str(error)
    try:
        pixels = _decode(picture, width, height, strict=False)
    except Exception:
        return _decode_otherwise(picture, width, height)
    if _ends_early(picture, pixels, warning):
        raise BadImage("the JPEG ends too early")
    return pixels


def _decode(picture: Picture, width: int, height: int, strict: bool) -> Pixels:
    return np.asarray(simplejpeg.decode_jpeg(picture.data, "RGB", min_height=height, min_width=width, strict=strict))


def _ends_early(picture: Picture, pixels: Pixels, warning: str) -> bool:
    if picture.progressive:
        return "premature end" in warning  # what is missing is in every part of the picture
    if "before marker 0xd9" in warning:  # all before the end was as it should be
        return False
    lost = math.ceil(_LOST * pixels.shape[1] / picture.width)
    return bool((pixels[-1, -lost:] == _GREY).all())


def _decode_otherwise(picture: Picture, width: int, height: int) -> Pixels:
    """By another decoder, for a sampling of colours that the first one does not know."""
    try:
        with Image.open(io.BytesIO(picture.data), formats=("JPEG",)) as image:
            image.draft(image.mode, (width, height))
            return np.asarray(image.convert("RGB"))
    except Exception as error:
        raise BadImage(f"the JPEG cannot be decoded: {error}") from error
