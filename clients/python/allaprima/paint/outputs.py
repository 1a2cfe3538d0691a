"""Where `allaprima paint` paints to, by the word on its command line."""

import shutil
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol, TextIO

import av
import av.error
from PIL import Image

from ..pictures import Painted
from ..sources import SUFFIXES

VIDEOS = (".mp4", ".mkv", ".mov", ".webm", ".avi")
_CODECS = {".webm": "libvpx-vp9", ".avi": "mpeg4"}
_TICKS = 90_000
"""Of a second, in which the times of a video's pictures are counted."""


class OutputError(Exception):
    """There is no painting to there; the text says why and what to do."""


class Closed(Exception):
    """Whoever looked has closed the window: there is nothing left to do, and nothing wrong."""


class Output(Protocol):
    """Takes painted pictures, in order, from one thread."""

    where: str
    """For a person, after it is done."""

    def show(self, painted: Painted, seconds: float) -> None:
        """The next picture, which is to be seen so many seconds after the first one. Raises Closed and OutputError."""

    def close(self) -> None:
        """All have been shown."""


def open_output(word: str, width: int, height: int, fps: float | None, suffix: str) -> Output:
    """What a word means: `window`, `terminal`, `virtual-camera`, a video's name, a picture's name, else a folder.

    `fps` is of what is painted from, where known; `suffix` of files in a folder. Raises OutputError.
    """
    named: dict[str, Callable[[], Output]] = {
        "window": lambda: Window(width, height),
        "terminal": lambda: Terminal(sys.stdout),
        "virtual-camera": lambda: VirtualCamera(width, height, fps),
    }
    if word in named:
        return named[word]()
    path = Path(word)
    ending = path.suffix.lower()
    if ending in VIDEOS:
        return Video(path, width, height, fps)
    if ending in SUFFIXES and not path.is_dir():
        return OnePicture(path)
    if ending and not path.is_dir():
        raise OutputError(f"{word}: no file ends so that is painted here; videos are {', '.join(VIDEOS)}")
    return Folder(path, suffix)


class Folder:
    """A file for each picture, by its number."""

    def __init__(self, path: Path, suffix: str) -> None:
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{path} cannot be a folder of pictures: {error.strerror}") from error
        self._path, self._suffix, self.where = path, suffix, str(path)

    def show(self, painted: Painted, seconds: float) -> None:
        (self._path / f"{painted.frame:06d}.{painted.suffix or self._suffix}").write_bytes(painted.data)

    def close(self) -> None:
        pass


class OnePicture:
    """A file that always holds the newest picture."""

    def __init__(self, path: Path) -> None:
        self._path, self.where = path, str(path)

    def show(self, painted: Painted, seconds: float) -> None:
        painted.save(self._path)

    def close(self) -> None:
        pass


class Video:
    """A video whose pictures are to be seen when they were painted, or as far apart as those they were painted from."""

    def __init__(self, path: Path, width: int, height: int, fps: float | None) -> None:
        self.where, self._last = str(path), -1
        codec = _CODECS.get(path.suffix.lower(), "libx264")
        try:
            path.open("wb").close()  # the library looks only when the first picture comes
            self._container = av.open(str(path), "w")
            stream = self._container.add_stream(codec, rate=Fraction(fps or 30).limit_denominator(1001))
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise OutputError(f"{path} cannot be written as a video: {error}") from error
        assert isinstance(stream, av.VideoStream)
        self._stream = stream
        self._stream.width, self._stream.height = width, height
        self._stream.pix_fmt = "yuv420p"
        if codec != "mpeg4":  # whose times are its rate's
            self._stream.codec_context.time_base = Fraction(1, _TICKS)
        self._base = self._stream.codec_context.time_base or Fraction(1, _TICKS)

    def show(self, painted: Painted, seconds: float) -> None:
        frame: Any = av.VideoFrame.from_image(painted.pil)  # type: ignore[no-untyped-call]
        # no two pictures may have the same time
        self._last = max(self._last + 1, round(seconds / self._base))
        frame.pts, frame.time_base = self._last, self._base
        self._container.mux(self._stream.encode(frame))

    def close(self) -> None:
        if self._last >= 0:
            self._container.mux(self._stream.encode())
        self._container.close()


class Window:
    """A window of its own. Escape or q closes it."""

    def __init__(self, width: int, height: int) -> None:
        self.where, self._open = "a window", True
        try:
            import tkinter

            from PIL import ImageTk

            self._root = tkinter.Tk()
        except Exception as error:  # tkinter's own, or that it is not there at all
            hint = "paint to a file, a folder, a video or the terminal instead (--out)"
            raise OutputError(f"no window opens here ({error}): {hint}") from error
        self._root.title("Allaprima")
        self._root.protocol("WM_DELETE_WINDOW", self._leave)
        for key in ("<Escape>", "q"):
            self._root.bind(key, lambda event: self._leave())
        self._make = ImageTk.PhotoImage
        self._image: Any = self._make(Image.new("RGB", (width, height)))
        self._label = tkinter.Label(self._root, image=self._image, borderwidth=0)
        self._label.pack()
        self._root.update()

    def _leave(self) -> None:
        self._open = False

    def show(self, painted: Painted, seconds: float) -> None:
        self._image = self._make(painted.pil)
        self._label.configure(image=self._image)
        self._root.update()
        if not self._open:
            raise Closed

    def close(self) -> None:
        self._root.destroy()


class VirtualCamera:
    """A camera that other programs can choose."""

    def __init__(self, width: int, height: int, fps: float | None) -> None:
        try:
            import numpy
            import pyvirtualcam
        except ImportError as error:
            raise OutputError("a virtual camera needs its extra: pip install 'allaprima-client[virtual-camera]'") from error
        try:
            self._camera: Any = pyvirtualcam.Camera(width, height, fps or 30)
        except RuntimeError as error:
            raise OutputError(f"no virtual camera here: {error}") from error
        self._pixels = numpy.asarray
        self.where = f"the camera {self._camera.device}"

    def show(self, painted: Painted, seconds: float) -> None:
        self._camera.send(self._pixels(painted.pil))

    def close(self) -> None:
        self._camera.close()


class Terminal:
    """Pictures of half blocks, two pixels each, in 24-bit colours."""

    def __init__(self, stream: TextIO) -> None:
        if not stream.isatty():
            raise OutputError("standard output is no terminal: paint to a file or a folder instead (--out)")
        self._stream, self.where = stream, "the terminal"
        stream.write("\x1b[?25l\x1b[2J")

    def show(self, painted: Painted, seconds: float) -> None:
        columns, lines = shutil.get_terminal_size()
        self._stream.write("\x1b[H" + half_blocks(painted.pil, columns, lines - 1))
        self._stream.flush()

    def close(self) -> None:
        self._stream.write("\x1b[0m\x1b[?25h\n")
        self._stream.flush()


def half_blocks(image: Image.Image, columns: int, lines: int) -> str:
    """The picture as large as fits into so many columns and lines, as text with ANSI's colours."""
    scale = min(columns / image.width, 2 * lines / image.height)
    width, height = max(1, int(image.width * scale)), max(2, int(image.height * scale) // 2 * 2)
    pixels: Any = image.resize((width, height), Image.Resampling.BOX).load()
    rows = []
    for y in range(0, height, 2):
        cells = []
        for x in range(width):
            (r, g, b), (r2, g2, b2) = pixels[x, y], pixels[x, y + 1]
            cells.append(f"\x1b[38;2;{r};{g};{b};48;2;{r2};{g2};{b2}m\u2580")
        rows.append("".join(cells) + "\x1b[0m")
    return "\r\n".join(rows)
