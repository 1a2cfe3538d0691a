"""Pixels to a PNG, quickly: what a still waits for is the packing, by zlib ten times as long as by ISA-L.

Each row is written as its difference from the row above (ISO/IEC 15948, section 9.2, filter "Up"): choosing the best filter of
each row makes files of paintings a twentieth smaller, and takes longer than all the rest.
"""

import struct
from collections.abc import Sequence

import numpy as np
from isal import isal_zlib

from .picture import Pixels

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_EIGHT_BIT_RGB = (8, 2, 0, 0, 0)
_UP = 2
_LEVEL = 1
"""Of ISA-L's 0 to 3: the others pack little better, or much worse."""


def png_file(pixels: Pixels, texts: Sequence[tuple[bytes, bytes]] = ()) -> bytes:
    """uint8 [h, w, 3] to a file. `texts` are chunks beside the pixels, as kind and body."""
    height, width, _ = pixels.shape
    rows = pixels.reshape(height, 3 * width)
    filtered = np.empty((height, 1 + 3 * width), np.uint8)
    filtered[:, 0] = _UP
    filtered[0, 1:] = rows[0]
    np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])
    header = struct.pack(">II5B", width, height, *_EIGHT_BIT_RGB)
    chunks = [(b"IHDR", header), *texts, (b"IDAT", isal_zlib.compress(filtered, _LEVEL)), (b"IEND", b"")]
    return _SIGNATURE + b"".join(part for kind, body in chunks for part in _chunk(kind, body))


def _chunk(kind: bytes, body: bytes) -> tuple[bytes, bytes, bytes]:
    return struct.pack(">I", len(body)) + kind, body, struct.pack(">I", isal_zlib.crc32(body, isal_zlib.crc32(kind)))
