"""Where frames come from: a moving pattern, a still, pictures, a folder of them; the newest of a source that does not wait."""

import io
import itertools
import random
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Generic, TypeVar

from PIL import Image, ImageDraw

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
QUALITY = 85

# large enough that two neighbours differ even at the 1/8 scale at which a server may compare them
SCROLL = 24
"""Pixels by which the moving pattern moves between two frames."""

T = TypeVar("T")


class SourceError(Exception):
    """There are no frames to be had; the text says why and what to do."""


def moving(width: int, height: int, frames: int = 60, seed: int = 0) -> list[bytes]:
    """So many JPEG frames of a scene of discs that scrolls past: no two are the same, and the last leads to the first."""
    length = frames * SCROLL
    scene = _leaves(length, height, seed)
    wrapped = Image.new("RGB", (length * (1 + -(-width // length)), height))
    for x in range(0, wrapped.width, length):
        wrapped.paste(scene, (x, 0))
    return [_jpeg(wrapped.crop((x, 0, x + width, height))) for x in range(0, length, SCROLL)]


def still(width: int, height: int, seed: int = 0) -> list[bytes]:
    """One JPEG frame to send over and over: what a camera sees when nothing moves, without the camera's noise."""
    return [_jpeg(_leaves(width, height, seed))]


def folder(path: Path) -> list[Path]:
    """Each image file of a folder once, by name. Raises SourceError if there is none."""
    files = sorted(file for file in path.iterdir() if file.suffix.lower() in SUFFIXES)
    if not files:
        raise SourceError(f"{path} holds no images ({', '.join(SUFFIXES)})")
    return files


def cycled(frames: list[bytes]) -> Iterator[bytes]:
    """The frames again and again."""
    return itertools.cycle(frames)


class newest(Generic[T]):
    """The newest of a source that does not wait for whoever takes from it, as a camera does not. Older ones are forgotten.

    An iterator: `live.paint(newest(camera))`. The source is read by a thread of its own, which ends with it, or with `close`.
    What the source raises is raised here.
    """

    def __init__(self, source: Iterable[T]) -> None:
        self._changed = threading.Condition()
        self._waiting: list[T] = []
        self._error: BaseException | None = None
        self._over = False
        self._thread = threading.Thread(target=self._read, args=(source,), name="newest", daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._over)
            if self._waiting:
                return self._waiting.pop()
        if self._error is not None:
            raise self._error
        raise StopIteration

    def close(self) -> None:
        """Take no more from the source."""
        with self._changed:
            self._over = True
            self._changed.notify_all()

    def _read(self, source: Iterable[T]) -> None:
        iterator = iter(source)
        try:
            while not self._over and (one := next(iterator, None)) is not None:
                with self._changed:
                    self._waiting = [one]
                    self._changed.notify_all()
        except Exception as error:  # whoever takes from here is told
            self._error = error
        finally:
            self.close()
            if (close := getattr(iterator, "close", None)) is not None:
                close()


def _leaves(width: int, height: int, seed: int) -> Image.Image:
    """Discs over discs, small ones more often than large, as natural scenes have it; its left edge continues its right."""
    rng = random.Random(seed)
    image = Image.new("RGB", (width, height), (128, 128, 128))
    draw = ImageDraw.Draw(image)
    for _ in range(max(40, width * height // 600)):
        radius = min(10 / (1 - rng.random()) ** 0.5, height / 2)
        x, y = rng.uniform(0, width), rng.uniform(0, height)
        colour = (rng.randrange(256), rng.randrange(256), rng.randrange(256))
        for around in (x - width, x, x + width):
            draw.ellipse((around - radius, y - radius, around + radius, y + radius), fill=colour)
    return image


def _jpeg(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue()
