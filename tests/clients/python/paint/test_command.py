"""The paint command: from what to where, every picture of a file, and one line about what came of it."""

import io
import time
from pathlib import Path
from typing import Any

import pytest
from allaprima.paint import command
from PIL import Image

from tests.standing_in import StandIn
from wire import AnswerKind, FrameIn, FrameOut


def jpeg() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 48), "red").save(buffer, "JPEG")
    return buffer.getvalue()


def painting(frame: FrameIn) -> FrameOut:
    return FrameOut(frame.id, AnswerKind.IMAGE, image=jpeg())


@pytest.fixture
def threaded(threaded: StandIn) -> StandIn:
    threaded.answer = painting
    return threaded


def run(threaded: StandIn, *arguments: str) -> int:
    return command.main([*arguments, "--url", threaded.url])


def test_a_folder_becomes_a_film(threaded: StandIn, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each picture of a folder is painted once, with the params given, and none is skipped for being like the last."""
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        (tmp_path / name).write_bytes(jpeg() + name.encode())
    film = tmp_path / "film.mp4"
    assert run(threaded, str(tmp_path), "--out", str(film), "--prompt", "ink", "--strength", "0.7") == 0
    assert film.stat().st_size > 0
    assert [frame.image[-5:] for frame in threaded.frames] == [b"a.jpg", b"b.jpg", b"c.jpg"]
    assert threaded.params == [{"prompt": "ink", "strength": 0.7}, {"similarity": None}]
    assert f"3 pictures to {film}" in capsys.readouterr().err


def test_where_it_can_be_watched(threaded: StandIn, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever wants others to watch is told where, before anything is painted."""
    assert run(threaded, "pattern", "--count", "1", "--out", str(tmp_path), "--watch") == 0
    said = capsys.readouterr().err.splitlines()
    assert said[0] == f"to be watched at http://127.0.0.1:{threaded.port}/v1/sessions/watch-session1.mjpg"


def test_so_many_of_the_pattern(threaded: StandIn, tmp_path: Path) -> None:
    """Of a source without an end as many are painted as are wanted, and no faster than is wanted."""
    began = time.monotonic()
    assert run(threaded, "pattern", "--count", "4", "--fps", "20", "--out", str(tmp_path / "out")) == 0
    assert time.monotonic() - began >= 0.15
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == [f"00000{n}.jpg" for n in range(4)]


def test_every_picture_is_painted(threaded: StandIn, tmp_path: Path) -> None:
    """A frame of a file that was dropped is painted after all."""
    tries: dict[bytes, int] = {}

    def now_and_then(frame: FrameIn) -> Any:
        tries[frame.image] = tries.get(frame.image, 0) + 1
        return painting(frame) if tries[frame.image] > 1 else FrameOut(frame.id, AnswerKind.DROPPED)

    threaded.answer = now_and_then
    assert run(threaded, "pattern", "--count", "3", "--out", str(tmp_path / "out")) == 0
    assert len(list((tmp_path / "out").iterdir())) == 3


def test_interrupted(
    threaded: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ctrl-C is an end like another: what was painted is kept, and said."""
    shown: list[int] = []
    real: Any = vars(command)["open_output"]

    def interrupting(*arguments: Any) -> Any:
        output = real(*arguments)
        show = output.show

        def interrupted(painted: Any, seconds: float) -> None:
            show(painted, seconds)
            shown.append(painted.frame)
            if len(shown) == 3:
                raise KeyboardInterrupt

        monkeypatch.setattr(output, "show", interrupted)
        return output

    monkeypatch.setattr(command, "open_output", interrupting)
    assert run(threaded, "pattern", "--out", str(tmp_path / "film.mkv")) == 0
    assert "2 pictures to" in capsys.readouterr().err
    assert (tmp_path / "film.mkv").stat().st_size > 0


def test_nothing_was_painted(threaded: StandIn, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where nothing was painted the reason is said, with a status that says so too."""
    threaded.answer = lambda frame: FrameOut(frame.id, AnswerKind.DROPPED)
    assert run(threaded, "pattern", "--count", "1", "--out", str(tmp_path)) == 1
    assert "frame 0 was not painted" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["pattern", "--url", "ws://127.0.0.1:1"], "cannot open a stream"),
        (["pattern", "--url", "ftp://x"], "no address of a server"),
    ],
)
def test_no_server(arguments: list[str], why: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a server the command fails with one line."""
    assert command.main(arguments) == 1
    said = capsys.readouterr().err
    assert said.startswith("allaprima paint: ")
    assert why in said
    assert said.count("\n") == 1


def test_nowhere_to_paint_from(threaded: StandIn, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A source that is not there is said before anything is sent."""
    assert run(threaded, str(tmp_path / "nowhere.mp4"), "--out", str(tmp_path)) == 1
    assert "to paint from" in capsys.readouterr().err
    assert threaded.frames == []
