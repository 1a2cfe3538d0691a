"""What the command paints from: each word gives the frames it says, or a reason."""

import itertools
import sys
from pathlib import Path
from typing import Any

import av
import pytest
from allaprima.paint.inputs import open_input
from allaprima.sources import SourceError
from PIL import Image


def a_video(path: Path, frames: int = 6, audio_only: bool = False) -> Path:
    """A small film whose pictures grow brighter."""
    with av.open(str(path), "w") as container:
        if audio_only:
            stream: Any = container.add_stream("aac", rate=8000, layout="mono")
            sound = av.AudioFrame(format="fltp", layout="mono", samples=1024)
            sound.sample_rate, sound.pts = 8000, 0
            sound.planes[0].update(bytes(4096))
            container.mux(stream.encode(sound))
            container.mux(stream.encode())
            return path
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(frames):
            container.mux(stream.encode(av.VideoFrame.from_image(Image.new("RGB", (64, 48), (40 * number,) * 3))))
        container.mux(stream.encode())
    return path


def test_a_video(tmp_path: Path) -> None:
    """A video gives each of its pictures once, and says how many there are and how many a second."""
    source = open_input(str(a_video(tmp_path / "film.mp4")), 32, 32)
    pictures: list[Any] = list(source.frames)
    assert (source.live, source.count, source.fps) == (False, 6, 10.0)
    assert [picture.size for picture in pictures] == [(64, 48)] * 6
    levels = [picture.getpixel((10, 10))[0] for picture in pictures]
    assert levels == sorted(levels)
    assert levels[-1] > 150


def test_pictures(tmp_path: Path) -> None:
    """A picture is one frame, a folder one for each picture in it."""
    for name in ("b.png", "a.jpg"):
        Image.new("RGB", (8, 8)).save(tmp_path / name)
    one = open_input(str(tmp_path / "a.jpg"), 32, 32)
    assert (list(one.frames), one.count) == ([tmp_path / "a.jpg"], 1)
    several = open_input(str(tmp_path), 32, 32)
    assert (list(several.frames), several.count) == ([tmp_path / "a.jpg", tmp_path / "b.png"], 2)


def test_the_pattern_and_the_still_never_end() -> None:
    """The pattern starts again after its last frame, the still is one frame for ever; both wait for who paints."""
    pattern, still = open_input("pattern", 32, 32), open_input("still", 32, 32)
    frames: list[Any] = list(itertools.islice(pattern.frames, 61))
    assert (frames[0], len(set(frames))) == (frames[60], 60)
    assert len(set(itertools.islice(still.frames, 5))) == 1  # type: ignore[arg-type]
    assert (pattern.live, pattern.count) == (False, None)


@pytest.mark.parametrize(
    ("word", "platform", "opened"),
    [
        ("camera", "linux", ("/dev/video0", "v4l2", {"framerate": "30"})),
        ("camera:2", "linux", ("/dev/video2", "v4l2", {"framerate": "30"})),
        ("camera:/dev/by-id/mine", "linux", ("/dev/by-id/mine", "v4l2", {"framerate": "30"})),
        ("camera:1", "darwin", ("1", "avfoundation", {"framerate": "30"})),
        ("camera:HD Webcam", "win32", ("video=HD Webcam", "dshow", {"framerate": "30"})),
        ("screen", "linux", (":7+0,0", "x11grab", {"framerate": "30"})),
        ("screen:640x480+10+20", "linux", (":7+10,20", "x11grab", {"framerate": "30", "video_size": "640x480"})),
        (
            "screen:640x480+10+20",
            "win32",
            ("desktop", "gdigrab", {"framerate": "30", "offset_x": "10", "offset_y": "20", "video_size": "640x480"}),
        ),
    ],
)
def test_cameras_and_screens(word: str, platform: str, opened: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A camera or a screen is opened by this system's own way, and its newest frame is taken."""
    real, asked = av.open, []

    def recording(name: str, format: str, options: dict[str, str]) -> Any:
        asked.append((name, format, options))
        return real("testsrc=size=64x48:rate=30:duration=0.2", format="lavfi")

    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setenv("DISPLAY", ":7")
    monkeypatch.setattr(av, "open", recording)
    source = open_input(word, 32, 32)
    frames: list[Any] = list(source.frames)
    assert asked == [opened]
    assert source.live
    assert 1 <= len(frames) <= 6
    assert frames[0].size == (64, 48)


@pytest.mark.parametrize(
    ("word", "why"),
    [
        ("nowhere", "give a picture, a folder, a video, camera, screen, pattern or still"),
        ("camera:77", "is it plugged in, allowed, and free"),
        ("rtsp://127.0.0.1:1/x", "cannot be read"),
    ],
)
def test_what_is_not_there(word: str, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not there is said, with what there may be instead."""
    monkeypatch.setattr(sys, "platform", "linux")
    with pytest.raises(SourceError, match=why):
        open_input(word, 32, 32)


def test_a_screen_without_a_display(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a display there is no screen."""
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delenv("DISPLAY", raising=False)
    with pytest.raises(SourceError, match="DISPLAY is not set"):
        open_input("screen", 32, 32)


def test_files_that_hold_no_pictures(tmp_path: Path) -> None:
    """A file of words and a film without pictures are told apart from a video."""
    words = tmp_path / "words.mp4"
    words.write_text("not a film")
    with pytest.raises(SourceError, match="cannot be read"):
        open_input(str(words), 32, 32)
    with pytest.raises(SourceError, match="no pictures in it"):
        open_input(str(a_video(tmp_path / "sound.mp4", audio_only=True)), 32, 32)
