"""EXIF: which way up, in either order of bytes, and nothing that is not there."""

import struct

import pytest

from server.codec.exif import orientation


def _tiff(order: str, entries: list[tuple[int, int, int]], at: int = 8) -> bytes:
    start = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(order + "I", at)
    fields = b"".join(struct.pack(order + "HHIHH", tag, kind, 1, value, 0) for tag, kind, value in entries)
    return start + bytes(at - 8) + struct.pack(order + "H", len(entries)) + fields


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("value", range(1, 9))
@pytest.mark.parametrize("head", [b"", b"Exif\0\0"])
def test_each(order: str, value: int, head: bytes) -> None:
    """Each of the eight ways is read, after other entries too, and wherever the directory is."""
    tiff = _tiff(order, [(0x010F, 3, 7), (0x0112, 3, value)], at=20)
    assert orientation(head + tiff) == value


@pytest.mark.parametrize(
    "tiff",
    [
        b"", b"II", b"II*\0", b"II*\0\xff\xff\xff\xff", b"PK\3\4" + bytes(40), _tiff("<", []), _tiff("<", [(0x0112, 3, 9)]),
        _tiff("<", [(0x0112, 3, 0)]), _tiff("<", [(0x0112, 4, 6)]), _tiff("<", [(0x0112, 3, 6)])[:-6],
        _tiff("<", [(0x0100, 3, 1)] * 600 + [(0x0112, 3, 6)]),
    ],
    ids=["empty", "two bytes", "no directory", "far away", "no tiff", "no entries", "nine", "zero", "another type", "cut off",
         "hundreds of entries"],
)  # fmt: skip
def test_none(tiff: bytes) -> None:
    """Where there is no sense in it, the picture is as it is."""
    assert orientation(tiff) == 1
