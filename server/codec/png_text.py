"""The texts in a PNG: written beside its pixels, and read without them."""

import struct
import zlib
from collections.abc import Iterator

from .picture import BadImage
from .png import chunk, is_png

_FIRST = 8
"""Where the first chunk begins, which is the header's, of 13 bytes."""
_HEADER_END = _FIRST + 25
_LONGEST_TEXT = 1 << 18
_MOST_TEXTS = 64
_MOST_CHUNKS = 100_000


def with_text(png: bytes, key: str, text: str) -> bytes:
    """The same picture with a text, as PNG's readers find it (iTXt where it is not Latin 1)."""
    try:
        kind, data = b"tEXt", key.encode("latin-1") + b"\0" + text.encode("latin-1")
    except UnicodeEncodeError:
        kind, data = b"iTXt", key.encode("latin-1") + b"\0\0\0\0\0" + text.encode()
    return png[:_HEADER_END] + chunk(kind, data) + png[_HEADER_END:]


def texts(png: bytes) -> dict[str, str]:
    """Its texts by key; of long ones the beginning. Raises BadImage where there is no PNG."""
    if not is_png(png):
        raise BadImage("not a PNG, whose texts alone can be read here")
    found: dict[str, str] = {}
    for kind, data in _chunks(png):
        if len(found) == _MOST_TEXTS:
            break
        key, _, rest = data.partition(b"\0")
        if kind == b"tEXt":
            found[key.decode("latin-1")] = rest[:_LONGEST_TEXT].decode("latin-1")
        elif kind == b"zTXt" and rest:
            found[key.decode("latin-1")] = _unpacked(rest[1:]).decode("latin-1")
        elif kind == b"iTXt" and len(rest) > 2:
            packed, (_, _, text) = rest[0], _split(rest[2:])
            found[key.decode("latin-1")] = (_unpacked(text) if packed else text[:_LONGEST_TEXT]).decode(errors="replace")
    return found


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Texts only, in their order, as far as the file goes."""
    at = _FIRST
    for _ in range(_MOST_CHUNKS):
        if at + 8 > len(png):
            return
        length, kind = struct.unpack_from(">I4s", png, at)
        if kind in (b"tEXt", b"zTXt", b"iTXt"):
            yield kind, png[at + 8 : at + 8 + min(length, 2 * _LONGEST_TEXT)]
        at += 12 + length


def _split(rest: bytes) -> tuple[bytes, bytes, bytes]:
    """Language, translated key and text of an iTXt."""
    language, _, after = rest.partition(b"\0")
    translated, _, text = after.partition(b"\0")
    return language, translated, text


def _unpacked(data: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(data, _LONGEST_TEXT)
    except zlib.error:
        return b""
