"""What the command paints to: each word makes what it says, or gives a reason."""

import io
import os
import sys
import types
from pathlib import Path
from typing import Any

import av
import pytest
from allaprima import Painted
from allaprima.paint import outputs
from allaprima.paint.outputs import OutputError, Terminal, half_blocks, open_output
from PIL import Image


def painted(number: int, level: int = 0, image_format: str = "JPEG") -> Painted:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 48), (level,) * 3).save(buffer, image_format)
    return Painted(buffer.getvalue(), number)


def test_a_folder(tmp_path: Path) -> None:
    """A folder gets a file for each picture, named by its number and what it is."""
    output = open_output(str(tmp_path / "a" / "b"), 64, 48, None, "jpg")
    output.show(painted(0), 0.0)
    output.show(painted(7, image_format="WEBP"), 0.1)
    output.close()
    assert sorted(file.name for file in (tmp_path / "a" / "b").iterdir()) == ["000000.jpg", "000007.webp"]


def test_a_picture(tmp_path: Path) -> None:
    """A picture's file holds the newest one, in the format of its name."""
    output = open_output(str(tmp_path / "now.png"), 64, 48, None, "jpg")
    for level in (0, 200):
        output.show(painted(0, level), 0.0)
    output.close()
    with Image.open(tmp_path / "now.png") as image:
        assert image.format == "PNG"
        assert image.getpixel((5, 5)) == (200, 200, 200)


@pytest.mark.parametrize("name", ["film.mp4", "film.mkv", "film.webm", "film.avi"])
def test_a_video(tmp_path: Path, name: str) -> None:
    """A video shows each picture, in order, and as far apart as they were to be seen."""
    output = open_output(str(tmp_path / name), 64, 48, 10.0, "jpg")
    for number in range(5):
        output.show(painted(number, 50 * number), number / 10)
    output.close()
    with av.open(str(tmp_path / name)) as container:
        frames = list(container.decode(video=0))
    assert [round(float(frame.time or 0), 2) for frame in frames] == [0.0, 0.1, 0.2, 0.3, 0.4]
    levels = [frame.to_image().getpixel((20, 20))[0] for frame in frames]
    assert levels == sorted(levels)
    assert levels[4] > 150


def test_a_video_of_a_camera(tmp_path: Path) -> None:
    """Pictures that came at odd times are shown at these, and two of the same time one after the other."""
    output = open_output(str(tmp_path / "film.mkv"), 64, 48, None, "jpg")
    for number, seconds in enumerate((0.0, 0.25, 0.25, 1.0)):
        output.show(painted(number), seconds)
    output.close()
    with av.open(str(tmp_path / "film.mkv")) as container:
        times = [float(frame.time or 0) for frame in container.decode(video=0)]
    assert times == sorted(times)
    assert [round(one, 1) for one in times] == [0.0, 0.2, 0.3, 1.0] or [round(one, 2) for one in times] == [
        0.0,
        0.25,
        0.25,
        1.0,
    ]


def test_a_picture_as_text() -> None:
    """In a terminal a picture is half blocks of its colours, no larger than there is room for."""
    image = Image.new("RGB", (2, 2))
    image.putdata([(255, 0, 0), (0, 255, 0), (0, 0, 255), (9, 9, 9)])
    text = half_blocks(image, 2, 1)
    assert text == "\x1b[38;2;255;0;0;48;2;0;0;255m\u2580\x1b[38;2;0;255;0;48;2;9;9;9m\u2580\x1b[0m"
    lines = half_blocks(Image.new("RGB", (512, 256)), 80, 24).split("\r\n")
    assert (len(lines), lines[0].count("\u2580")) == (20, 80)


def test_the_terminal() -> None:
    """The cursor is hidden while it paints and comes back after it; what is no terminal is refused."""

    class Tty(io.StringIO):
        def isatty(self) -> bool:
            return True

    tty = Tty()
    terminal = Terminal(tty)
    terminal.show(painted(0), 0.0)
    terminal.close()
    assert tty.getvalue().startswith("\x1b[?25l")
    assert tty.getvalue().endswith("\x1b[?25h\n")
    with pytest.raises(OutputError, match="no terminal"):
        Terminal(io.StringIO())


def test_a_virtual_camera(monkeypatch: pytest.MonkeyPatch) -> None:
    """A virtual camera gets the pixels, and one that is not there says why."""
    sent: list[Any] = []

    class Camera:
        device = "OBS Virtual Camera"

        def __init__(self, width: int, height: int, fps: float) -> None:
            if width == 1:
                raise RuntimeError("'v4l2loopback' backend: no device found")
            self.shape = (height, width, 3)

        def send(self, pixels: Any) -> None:
            assert pixels.shape == self.shape
            sent.append(pixels)

        def close(self) -> None:
            sent.append("closed")

    module: Any = types.ModuleType("pyvirtualcam")
    module.Camera = Camera
    monkeypatch.setitem(sys.modules, "pyvirtualcam", module)
    output = open_output("virtual-camera", 64, 48, None, "jpg")
    output.show(painted(0), 0.0)
    output.close()
    assert (len(sent), sent[1], output.where) == (2, "closed", "the camera OBS Virtual Camera")
    with pytest.raises(OutputError, match="no device found"):
        open_output("virtual-camera", 1, 48, None, "jpg")
    monkeypatch.setitem(sys.modules, "pyvirtualcam", None)
    with pytest.raises(OutputError, match="pip install"):
        open_output("virtual-camera", 64, 48, None, "jpg")


class FakeTk:
    """As much of tkinter as a window needs, where there is no display."""

    def __init__(self) -> None:
        self.bound: dict[str, Any] = {}
        self.updates = 0
        self.destroyed = False

    def title(self, name: str) -> None: ...

    def protocol(self, name: str, then: Any) -> None:
        self.bound[name] = then

    def bind(self, name: str, then: Any) -> None:
        self.bound[name] = lambda: then(None)

    def update(self) -> None:
        self.updates += 1

    def destroy(self) -> None:
        self.destroyed = True


@pytest.mark.parametrize("how", ["WM_DELETE_WINDOW", "<Escape>", "q"])
def test_a_window(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A window shows each picture, and closing it, by whatever way, is the end."""
    root, shown = FakeTk(), []

    class Label:
        def __init__(self, *args: Any, **options: Any) -> None: ...

        def pack(self) -> None: ...

        def configure(self, image: Any) -> None:
            shown.append(image)

    module: Any = types.ModuleType("tkinter")
    module.Tk, module.Label = lambda: root, Label
    images: Any = types.ModuleType("PIL.ImageTk")
    images.PhotoImage = lambda image: image
    monkeypatch.setitem(sys.modules, "tkinter", module)
    monkeypatch.setitem(sys.modules, "PIL.ImageTk", images)
    monkeypatch.setattr("PIL.ImageTk", images, raising=False)
    window = open_output("window", 64, 48, None, "jpg")
    window.show(painted(0, 200), 0.0)
    assert shown[0].size == (64, 48)
    root.bound[how]()
    with pytest.raises(outputs.Closed):
        window.show(painted(1), 0.1)
    window.close()
    assert root.destroyed


@pytest.mark.skipif(bool(os.environ.get("DISPLAY")), reason="there is a display here")
def test_no_window_without_a_display() -> None:
    """Without a display the reason comes with what to paint to instead."""
    with pytest.raises(OutputError, match="--out"):
        open_output("window", 64, 48, None, "jpg")


@pytest.mark.parametrize(
    ("word", "why"), [("film.doc", "videos are"), ("/proc/nowhere/film.mp4", "cannot be written"), ("/proc/x", "folder")]
)
def test_what_cannot_be_painted_to(word: str, why: str) -> None:
    """What cannot be painted to is refused before anything is painted."""
    with pytest.raises(OutputError, match=why):
        open_output(word, 64, 48, None, "jpg")
