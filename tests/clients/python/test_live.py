"""`connect`: frames of any kind in, images out in order, with one way to say what became of each frame."""

import asyncio
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from allaprima import BadFrame, BadParams, Gone, NotPainted, connect
from PIL import Image

from wire import AnswerKind, FrameIn, FrameOut, error

FRAME = b"\xff\xd8 a frame"


def jpeg(colour: str = "red", size: tuple[int, int] = (64, 48)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "JPEG")
    return buffer.getvalue()


def image(frame: FrameIn, data: bytes = b"") -> FrameOut:
    return FrameOut(frame.id, AnswerKind.IMAGE, 2, 0, 1000, 2000, 3000, 4000, data or b"of " + frame.image)


class Failing:
    """Answers the first so many tries of each frame's bytes as `how` says, and then paints."""

    def __init__(self, tries: int, how: Any) -> None:
        self.seen: dict[bytes, int] = {}
        self.tries, self.how = tries, how

    def __call__(self, frame: FrameIn) -> Any:
        self.seen[frame.image] = self.seen.get(frame.image, 0) + 1
        return self.how(frame) if self.seen[frame.image] <= self.tries else image(frame)


def dropped(frame: FrameIn) -> FrameOut:
    return FrameOut(frame.id, AnswerKind.DROPPED)


async def test_images_come_in_order_with_what_they_took(standing_in: Any) -> None:
    """Each frame becomes an image, in order, with its number and the seconds of each stage."""
    async with standing_in(window=3, answer=image) as server, connect(server.url, prompt="ink", seed=4) as live:
        painted = [one async for one in live.paint([b"a", b"b", b"c", b"d", b"e"], strength=0.7)]
        assert (live.student, live.size, live.params["strength"]) == ("stand-in", (64, 48), 0.7)
        assert (live.counts.sent, live.counts.painted) == (5, 5)
    assert [(one.frame, one.data) for one in painted] == [(n, b"of " + b"abcde"[n : n + 1]) for n in range(5)]
    assert painted[0].timings.engine == 0.003
    assert painted[0].timings.rows == 2
    assert all(one.latency > 0 for one in painted)
    assert server.params == [{"prompt": "ink", "seed": 4}, {"strength": 0.7}]


async def test_frames_of_any_kind(standing_in: Any, tmp_path: Path) -> None:
    """Bytes and files go as they are; pictures and arrays as JPEG of the shape that is painted, transparent ones on white."""
    file = tmp_path / "a.jpg"
    file.write_bytes(FRAME)
    clear = Image.new("RGBA", (100, 48), (0, 0, 0, 0))
    frames: list[Any] = [FRAME, bytearray(FRAME), file, str(file), clear, np.full((96, 64, 3), 255, np.uint8)]
    async with standing_in(answer=image) as server, connect(server.url) as live:
        assert len([one async for one in live.paint(frames)]) == 6
    sent = [frame.image for frame in server.frames]
    assert sent[:4] == [FRAME] * 4
    for encoded in sent[4:]:
        decoded = Image.open(io.BytesIO(encoded))
        assert (decoded.format, decoded.size) == ("JPEG", (64, 48))
        assert np.asarray(decoded).min() > 250


async def test_frames_from_async_iterators(standing_in: Any) -> None:
    """Frames may come from an asynchronous iterator."""

    async def frames() -> AsyncIterator[bytes]:
        for name in (b"a", b"b"):
            await asyncio.sleep(0)
            yield name

    async with standing_in(answer=image) as server, connect(server.url) as live:
        assert [one.data async for one in live.paint(frames())] == [b"of a", b"of b"]


@pytest.mark.parametrize("frames", [FRAME, "a.jpg", 7])
async def test_what_is_not_several_frames(standing_in: Any, frames: Any) -> None:
    """One frame where several are wanted is refused in words, before anything is sent."""
    async with standing_in() as server, connect(server.url) as live:
        with pytest.raises(TypeError, match="one after another"):
            [one async for one in live.paint(frames)]
    assert server.frames == []


async def test_frames_that_break(standing_in: Any) -> None:
    """What a source raises comes after the images of the frames before it."""

    def frames() -> Any:
        yield FRAME
        raise OSError("unplugged")

    async with standing_in() as server, connect(server.url) as live:
        painting = live.paint(frames())
        assert (await anext(painting)).frame == 0
        with pytest.raises(OSError, match="unplugged"):
            await anext(painting)


async def test_repeats_are_the_last_image_again(standing_in: Any) -> None:
    """A frame that is answered by a repeat shows the last image, and says so."""

    def answer(frame: FrameIn) -> FrameOut:
        return image(frame) if frame.id == 1 else FrameOut(frame.id, AnswerKind.REPEAT)

    async with standing_in(window=1, answer=answer) as server, connect(server.url) as live:
        painted = [(one.data, one.repeated) async for one in live.paint([b"a", b"b"])]
        assert live.counts.repeated == 1
    assert painted == [(b"of a", False), (b"of a", True)]


@pytest.mark.parametrize("how", [dropped, lambda frame: error("engine_error", "the engine fell", frame.id)])
async def test_what_was_not_painted_is_left_out(standing_in: Any, how: Any) -> None:
    """A frame that was not painted in time, or at all, is left out; how many and why can be asked."""

    def answer(frame: FrameIn) -> Any:
        return how(frame) if frame.image == b"b" else image(frame)

    async with standing_in(answer=answer) as server, connect(server.url) as live:
        assert [one.frame async for one in live.paint(iter([b"a", b"b", b"c"]))] == [0, 2]
        assert live.counts.dropped + live.counts.failed == 1
        assert live.trouble


async def test_every_frame(standing_in: Any) -> None:
    """Where every frame is wanted, one that was dropped is sent again, and the images keep their order."""
    answer = Failing(3, lambda frame: dropped(frame) if frame.image == b"b" else image(frame))
    async with standing_in(window=3, answer=answer) as server, connect(server.url) as live:
        painted = [(one.frame, one.data) async for one in live.paint([b"a", b"b", b"c", b"d"], every=True)]
    assert painted == [(0, b"of a"), (1, b"of b"), (2, b"of c"), (3, b"of d")]
    assert answer.seen[b"b"] == 4


async def test_a_frame_that_is_never_painted(standing_in: Any) -> None:
    """Where every frame is wanted, one that cannot be painted ends the loop with its number and the reason."""
    answer = Failing(1000, lambda frame: error("engine_error", "the engine fell", frame.id))
    async with standing_in(answer=answer) as server, connect(server.url) as live:
        with pytest.raises(NotPainted, match="frame 0 was not painted: the engine fell"):
            [one async for one in live.paint([b"a"], every=True)]
    assert len(server.frames) == 8


async def test_a_frame_that_is_no_picture(standing_in: Any) -> None:
    """A frame that the server cannot read is the caller's fault, and the session goes on."""

    def answer(frame: FrameIn) -> Any:
        return error("bad_image", "not an image", frame.id) if frame.image == b"bad" else image(frame)

    async with standing_in(answer=answer) as server, connect(server.url) as live:
        with pytest.raises(BadFrame, match="frame 1: not an image") as caught:
            [one async for one in live.paint([b"a", b"bad", b"c"])]
        assert caught.value.frame == 1
        assert [one.data async for one in live.paint([b"d"])] == [b"of d"]


async def test_a_slow_caller_is_not_run_over(standing_in: Any) -> None:
    """However slowly images are taken, no more frames than a window are ahead of them."""
    async with standing_in(window=2, answer=image) as server, connect(server.url) as live:
        seen = 0
        async for _ in live.paint([b"x"] * 20):
            seen += 1
            await asyncio.sleep(0.005)
            assert len(server.frames) <= seen + 3
    assert seen == 20


async def test_one_painting_at_a_time(standing_in: Any) -> None:
    """A session paints one thing at a time, and another when that was left."""
    async with standing_in(answer=image) as server, connect(server.url) as live:
        painting = live.paint([b"a"] * 100)
        await anext(painting)
        with pytest.raises(RuntimeError, match="paints already"):
            await anext(live.paint([b"b"]))
        await painting.aclose()
        assert [one.data async for one in live.paint([b"b"])] == [b"of b"]


async def test_params_change_meanwhile(standing_in: Any) -> None:
    """Params may change while it paints; one that is not taken raises, and the painting goes on."""
    async with standing_in(answer=image) as server, connect(server.url) as live:
        painting = live.paint([b"a"] * 10)
        await anext(painting)
        assert (await live.change(prompt="neon"))["prompt"] == "neon"
        with pytest.raises(BadParams, match="nonsense"):
            await live.change(nonsense=1)
        assert len([one async for one in painting]) == 9


async def test_back_after_a_loss(standing_in: Any) -> None:
    """A connection that drops comes back to its session; a frame that was under way is sent again where every one is wanted."""
    async with standing_in(window=1, delay=0.02, answer=image) as server, connect(server.url) as live:
        painting = live.paint([b"a", b"b", b"c"], every=True)
        assert (await anext(painting)).data == b"of a"
        await server.until(lambda: len(server.frames) == 2)
        await server.drop_everyone()
        assert [one.data async for one in painting] == [b"of b", b"of c"]
    assert server.queries[1]["resume"] == ["session1"]


async def test_without_reconnecting(standing_in: Any) -> None:
    """Without reconnecting, a connection that drops ends the painting with a reason."""
    async with (
        standing_in(answer=lambda frame: None) as server,
        connect(server.url, reconnect=False) as live,
    ):
        painting = asyncio.ensure_future(anext(live.paint([b"a"])))
        await server.until(lambda: len(server.frames) == 1)
        await server.drop_everyone()
        with pytest.raises(Gone):
            await painting


async def test_closed_by_another_task(standing_in: Any) -> None:
    """A session that is closed elsewhere ends the loop in good order."""
    async with standing_in(answer=lambda frame: None) as server, connect(server.url) as live:

        async def collect() -> list[Any]:
            return [one async for one in live.paint([b"a"])]

        painting = asyncio.ensure_future(collect())
        await server.until(lambda: len(server.frames) == 1)
        await live.close()
        assert await painting == []


async def test_files_by_their_names(standing_in: Any, tmp_path: Path) -> None:
    """An image is written as it came, or in another format that the name asks for."""
    data = jpeg()
    async with standing_in(answer=lambda frame: image(frame, data)) as server, connect(server.url) as live:
        [painted] = [one async for one in live.paint([FRAME])]
    painted.save(tmp_path / "as-it-is.jpg")
    painted.save(tmp_path / "other.png")
    assert (tmp_path / "as-it-is.jpg").read_bytes() == data
    assert (tmp_path / "other.png").read_bytes().startswith(b"\x89PNG")
    assert (painted.suffix, painted.pil.size) == ("jpg", (64, 48))
