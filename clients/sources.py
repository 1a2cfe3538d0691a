"""Where frames come from: a moving pattern, a still, a file, a folder, a camera. Each gives encoded images."""

import importlib
import itertools
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image, ImageDraw

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
QUALITY = 85

# large enough that two neighbours differ even at the 1/8 scale at which a server may compare them
SCROLL = 24
"""Pixels by which the moving pattern moves between two frames."""


class SourceError(Exception):
    """There are no frames to be had; the text says why and what to do."""


def moving(width: int, height: int, frames: int = 60, seed: int = 0) -> list[bytes]:
    """So many JPEG frames of a scene of discs that scrolls past: no two are the same, and the last leads to the first."""
    scene = _leaves(frames * SCROLL, height, seed)
    wrapped = np.concatenate([scene] * (1 + -(-width // scene.shape[1])), axis=1)
    return [_jpeg(wrapped[:, x : x + width]) for x in range(0, frames * SCROLL, SCROLL)]


def still(width: int, height: int, seed: int = 0) -> list[bytes]:
    """One JPEG frame to send over and over: what a camera sees when nothing moves, without the camera's noise."""
    return [_jpeg(_leaves(width, height, seed))]


def folder(path: Path) -> Iterator[bytes]:
    """Each image file of a folder once, by name. Raises SourceError if there is none."""
    files = sorted(file for file in path.iterdir() if file.suffix.lower() in SUFFIXES)
    if not files:
        raise SourceError(f"{path} holds no images ({', '.join(SUFFIXES)})")
    return (file.read_bytes() for file in files)


def camera(index: int = 0, width: int = 256, height: int = 256) -> Iterator[bytes]:
    """Frames of a camera, cropped and scaled to width x height pixels. Blocks as long as the camera takes.

    Raises SourceError if OpenCV is not installed or the camera does not open.
    """
    try:
        cv2 = importlib.import_module("cv2")
    except ImportError as error:
        raise SourceError("a camera needs OpenCV: pip install opencv-python-headless") from error
    capture = cv2.VideoCapture(index)
    if not capture.isOpened():
        raise SourceError(f"camera {index} does not open: is it plugged in, and free?")
    # a queue of one inside the driver, where it can be had: an old frame is worth less than none
    capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
    return _captured(capture, width, height)


def open_source(source: str, width: int, height: int) -> Iterator[bytes]:
    """The frames that a command line means: `pattern` and `camera` never end, a file is one frame, a folder one per file.

    Raises SourceError.
    """
    named: dict[str, Callable[[], Iterator[bytes]]] = {
        "pattern": lambda: itertools.cycle(moving(width, height)),
        "still": lambda: itertools.cycle(still(width, height)),
        "camera": lambda: camera(0, width, height),
    }
    if source in named:
        return named[source]()
    path = Path(source)
    if path.is_dir():
        return folder(path)
    if path.is_file():
        return iter([path.read_bytes()])
    raise SourceError(f"no source {source!r}: give a file, a folder, {', '.join(named)}")


def _captured(capture: Any, width: int, height: int) -> Iterator[bytes]:
    try:
        while True:
            taken, frame = capture.read()
            if not taken:
                raise SourceError("the camera gave no more frames")
            yield _jpeg(_fit(frame[:, :, ::-1], width, height))
    finally:
        capture.release()


def _fit(frame: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    rows, columns = frame.shape[:2]
    scale = min(columns / width, rows / height)
    wide, high = round(width * scale), round(height * scale)
    x, y = (columns - wide) // 2, (rows - high) // 2
    image = Image.fromarray(np.ascontiguousarray(frame[y : y + high, x : x + wide]))
    return np.asarray(image.resize((width, height), Image.Resampling.BOX))


def _leaves(width: int, height: int, seed: int) -> NDArray[np.uint8]:
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
    return np.asarray(image)


def _jpeg(pixels: NDArray[np.uint8]) -> bytes:
    return bytes(simplejpeg.encode_jpeg(np.ascontiguousarray(pixels), quality=QUALITY, colorspace="RGB"))
