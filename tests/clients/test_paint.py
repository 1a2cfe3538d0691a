"""The paint command saves what comes back."""

from pathlib import Path
from typing import Any

import pytest

from clients import paint
from wire import AnswerKind, FrameOut


def options(url: str, out: Path, *more: str) -> Any:
    return paint._parse(["--url", url, "--out", str(out), *more])


async def test_images_are_saved(standing_in: Any, tmp_path: Path) -> None:
    """Each image becomes a file named after its frame."""
    async with standing_in() as server:
        saved = await paint.paint(options(server.url, tmp_path / "out", "--count", "3", "--prompt", "ink", "--seed", "4"))
    assert saved == 3
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["000001.jpg", "000002.jpg", "000003.jpg"]
    assert server.params == [{"prompt": "ink", "seed": 4, "similarity": None}]
    assert len({frame.image for frame in server.frames}) == 3


async def test_a_folder_is_painted_once(standing_in: Any, tmp_path: Path) -> None:
    """A folder's images are each sent once."""
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).write_bytes(name.encode())
    async with standing_in() as server:
        assert await paint.paint(options(server.url, tmp_path / "out", "--source", str(tmp_path))) == 2
    assert [frame.image for frame in server.frames] == [b"a.jpg", b"b.jpg"]


async def test_what_is_no_image_is_reported(standing_in: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A frame that comes back without an image is named on stderr."""
    async with standing_in(answer=lambda frame: FrameOut(frame.id, AnswerKind.DROPPED)) as server:
        assert await paint.paint(options(server.url, tmp_path, "--count", "1")) == 0
    assert "frame 1: dropped, no image" in capsys.readouterr().err


async def test_pace(standing_in: Any, tmp_path: Path) -> None:
    """With a pace, frames are not sent faster than it."""
    import time

    async with standing_in(window=8) as server:
        begun = time.monotonic()
        await paint.paint(options(server.url, tmp_path, "--count", "4", "--fps", "20"))
    assert time.monotonic() - begun >= 0.2


def test_no_server(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a server the command fails with one line."""
    assert paint.main(["--url", "ws://127.0.0.1:1", "--out", str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith("Gone: cannot open a stream")


@pytest.mark.parametrize(
    ("image", "name"), [(b"\xff\xd8\xff", "jpg"), (b"\x89PNG\r\n", "png"), (b"RIFF0000WEBP", "webp"), (b"?", "bin")]
)
def test_suffix(image: bytes, name: str) -> None:
    """A file is called what its first bytes say."""
    assert paint.suffix(image) == name
