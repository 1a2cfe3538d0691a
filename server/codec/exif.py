"""The one thing we want of EXIF: which way up a picture is. A walk over one directory of a TIFF file (TIFF 6.0, section 2)."""

import struct

_ORIENTATION = 0x0112
_SHORT = 3
_MOST_ENTRIES = 512
"""Cameras write about a dozen; whoever writes more is not read to the end."""


def orientation(tiff: bytes) -> int:
    """EXIF's orientation, 1 to 8, of a TIFF header and what follows it; 1 where there is none or it makes no sense."""
    tiff = tiff.removeprefix(b"Exif\0\0")  # as JPEG, and some writers of PNG and WebP, begin it
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None:
        return 1
    try:
        (at,) = struct.unpack_from(order + "I", tiff, 4)
        (count,) = struct.unpack_from(order + "H", tiff, at)
        for entry in range(min(count, _MOST_ENTRIES)):
            tag, kind, _, value = struct.unpack_from(order + "HHIH", tiff, at + 2 + 12 * entry)
            if tag == _ORIENTATION:
                return value if kind == _SHORT and 1 <= value <= 8 else 1
    except struct.error:  # the directory is beyond the end
        pass
    return 1
