"""What `allaprima paint` paints from, by the word on its command line."""

import os
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import av.error
import av.video

from ..pictures import Frame
from ..sources import SUFFIXES, SourceError, cycled, folder, moving, newest, still

_PICTURES_A_SECOND = 25.0
"""Of a folder's pictures, when a video is made of them, and of the pattern."""
_CAMERA_RATE = "30"

_CAMERAS = {"linux": ("v4l2", "/dev/video{}"), "darwin": ("avfoundation", "{}"), "win32": ("dshow", "video={}")}
_SCREENS = {"linux": ("x11grab", ""), "darwin": ("avfoundation", "Capture screen 0"), "win32": ("gdigrab", "desktop")}
_SCREEN = re.compile(r"screen(?::(\d+)x(\d+)(?:\+(\d+)\+(\d+))?)?")


@dataclass(frozen=True)
class Input:
    """Frames, how many there are and how many a second, where that is known. `live`: they do not wait, and none is kept."""

    frames: Iterator[Frame]
    live: bool = False
    count: int | None = None
    fps: float | None = None

    def close(self) -> None:
        if (close := getattr(self.frames, "close", None)) is not None:
            close()


def open_input(word: str, width: int, height: int) -> Input:
    """The frames that a word means; of the pattern and the still, of the size that is painted.

    Words: `camera`, `camera:1` or `camera:NAME`; `screen` or `screen:WIDTHxHEIGHT+X+Y`; `pattern`; `still`; a picture, a folder
    of them, a video, or the address of one. Raises SourceError.
    """
    endless: dict[str, Callable[[int, int], list[bytes]]] = {"pattern": moving, "still": still}
    if word in endless:
        return Input(cycled(endless[word](width, height)), fps=_PICTURES_A_SECOND)
    if word == "camera" or word.startswith("camera:"):
        return _device(*_camera(word.partition(":")[2]), word)
    if (screen := _SCREEN.fullmatch(word)) is not None:
        return _device(*_screen(*screen.groups()), word)
    path = Path(word)
    if path.is_dir():
        files = folder(path)
        return Input(iter(files), count=len(files), fps=_PICTURES_A_SECOND)
    if path.suffix.lower() in SUFFIXES and path.is_file():
        return Input(iter([path]), count=1, fps=_PICTURES_A_SECOND)
    if path.is_file() or "://" in word:
        return _video(word)
    raise SourceError(
        f"there is no {word!r} to paint from: give a picture, a folder, a video, camera, screen, pattern or still"
    )


def _camera(which: str) -> tuple[str, str, dict[str, str]]:
    kind, name = _platform(_CAMERAS)
    if kind == "v4l2" and which.startswith("/"):
        name = "{}"
    return kind, name.format(which or ("0" if kind != "dshow" else "Integrated Camera")), {"framerate": _CAMERA_RATE}


def _screen(width: str | None, height: str | None, x: str | None, y: str | None) -> tuple[str, str, dict[str, str]]:
    kind, name = _platform(_SCREENS)
    options = {"framerate": _CAMERA_RATE}
    if kind == "x11grab":
        display = os.environ.get("DISPLAY")
        if not display:
            raise SourceError("there is no screen here to paint from: DISPLAY is not set")
        name = f"{display}+{x or 0},{y or 0}"
    elif x is not None:
        options |= {"offset_x": str(x), "offset_y": str(y)}
    if width is not None:
        options["video_size"] = f"{width}x{height}"
    return kind, name, options


def _platform(known: dict[str, tuple[str, str]]) -> tuple[str, str]:
    if sys.platform not in known:
        raise SourceError(f"cameras and screens are known on {', '.join(known)}, and this is {sys.platform}: give a file")
    return known[sys.platform]


def _device(kind: str, name: str, options: dict[str, str], word: str) -> Input:
    try:
        container = av.open(name, format=kind, options=options)
    except (av.error.FFmpegError, OSError, ValueError) as error:
        hint = "is it plugged in, allowed, and free?" if word.startswith("camera") else "is there one that may be seen?"
        raise SourceError(f"{word} does not open ({name}: {_why(error)}): {hint}") from error
    return Input(newest(_pictures(container, word)), live=True)


def _video(word: str) -> Input:
    try:
        container = av.open(word)
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise SourceError(f"{word} cannot be read: {_why(error)}; give a picture, a video, or a folder of pictures") from error
    if not container.streams.video:
        container.close()
        raise SourceError(f"{word} has no pictures in it")
    stream = container.streams.video[0]
    fps = float(stream.average_rate) if stream.average_rate else None
    pictures = _pictures(container, word)
    if _is_live(word):
        return Input(newest(pictures), live=True)
    return Input(pictures, count=stream.frames or _expected(stream, fps), fps=fps)


def _is_live(word: str) -> bool:
    """Whether it is a stream that goes on whoever watches, and not a file."""
    return word.startswith(("rtsp://", "rtmp://", "udp://", "rtp://", "srt://")) or word.endswith((".m3u8", ".mjpg"))


def _expected(stream: "av.video.VideoStream", fps: float | None) -> int | None:
    if fps is None or stream.duration is None or stream.time_base is None:
        return None
    return round(float(stream.duration * stream.time_base) * fps) or None


def _pictures(container: Any, word: str) -> Iterator[Frame]:
    """A container's pictures, as Pillow's."""
    try:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        for frame in container.decode(stream):
            yield frame.to_image()
    except (av.error.FFmpegError, OSError) as error:
        raise SourceError(f"{word} gave no more pictures: {_why(error)}") from error
    finally:
        container.close()


def _why(error: BaseException) -> str:
    return str(getattr(error, "strerror", None) or error).lower()
