"""What comes back, painted; and what may be sent to be painted."""

import io
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

from PIL import Image, ImageOps

Frame: TypeAlias = "bytes | bytearray | memoryview | os.PathLike[str] | Image.Image | Any"
"""A picture to paint from: encoded bytes (JPEG, WebP or PNG) or the path of such a file, sent as they are; or a picture of
Pillow's, or an array uint8 [height, width, 3] of whoever has `__array_interface__`, as numpy does, sent as JPEG."""

QUALITY = 90
"""Of JPEG, for frames that are encoded here."""
_BACKDROP = (255, 255, 255)
"""What transparent pictures lie on, as on the server."""
_SUFFIXES = ((b"\xff\xd8", "jpg"), (b"\x89PNG", "png"), (b"RIFF", "webp"))


@dataclass(frozen=True)
class Timings:
    """Seconds that an image spent in each stage on the server, and how many rows shared its tick."""

    wait: float = 0.0
    decode: float = 0.0
    engine: float = 0.0
    encode: float = 0.0
    rows: int = 0


@dataclass(frozen=True)
class Picture:
    """An encoded image."""

    data: bytes

    @property
    def suffix(self) -> str:
        """What a file of it is called: jpg, png or webp, by its first bytes; bin for what is none of these."""
        return next((name for start, name in _SUFFIXES if self.data.startswith(start)), "bin")

    @cached_property
    def pil(self) -> Image.Image:
        """It decoded, RGB, as a picture of Pillow's. `numpy.asarray(image.pil)` is its pixels."""
        return Image.open(io.BytesIO(self.data)).convert("RGB")

    def save(self, path: "str | os.PathLike[str]") -> None:
        """Write it to a file: its bytes as they came where the name says this format, else encoded anew."""
        suffix = Path(path).suffix.lower().lstrip(".").replace("jpeg", "jpg")
        if suffix in ("", self.suffix):
            Path(path).write_bytes(self.data)
        else:
            self.pil.save(path)


@dataclass(frozen=True)
class Painted(Picture):
    """A frame, painted. `frame` is its number among those that were given, counted from 0.

    `repeated`: the frame was like the last one painted, so this is that one's image again. `latency` is seconds from sending
    the frame to its answer, as seen from here.
    """

    frame: int = 0
    repeated: bool = False
    latency: float = 0.0
    timings: Timings = Timings()


@dataclass(frozen=True)
class Still(Picture):
    """An image from words. With the same words, student and seed it is the same again."""

    seed: int = 0


def encoded(frame: Frame, width: int, height: int) -> bytes:
    """A frame as bytes to send. One that is not encoded yet is cropped to the middle of the student's shape first.

    Raises TypeError for what is no frame, and OSError for a file that cannot be read.
    """
    if isinstance(frame, bytes | bytearray | memoryview):
        return bytes(frame)
    if isinstance(frame, str | os.PathLike):
        return Path(frame).read_bytes()
    if not isinstance(frame, Image.Image):
        if not hasattr(frame, "__array_interface__"):
            raise TypeError(f"a frame is encoded bytes, a path, a picture of Pillow's or an array, not {type(frame).__name__}")
        frame = Image.fromarray(frame)
    buffer = io.BytesIO()
    ImageOps.fit(opaque(frame), (width, height), Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue()


def opaque(image: Image.Image) -> Image.Image:
    """The picture upright, RGB, and on white where it is transparent."""
    upright = ImageOps.exif_transpose(image)
    if not upright.has_transparency_data:
        return upright.convert("RGB")
    clear = upright.convert("RGBA")
    paper = Image.new("RGBA", clear.size, (*_BACKDROP, 255))
    return Image.alpha_composite(paper, clear).convert("RGB")
