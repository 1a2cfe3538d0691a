"""Painting live: frames in, images out, in order, over a connection that comes back by itself."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from .address import rest_url
from .errors import BadFrame, Ended, NotPainted
from .frames import Frames, encoded_frames
from .pace import Pace
from .pictures import Painted, Still, Timings
from .protocol import wire
from .stills import stills
from .stream import Answer, Stream

URL = "http://127.0.0.1:8000"
"""Where a server is that was started without a word, on this machine."""

MOST_TRIES = 8
"""Times that a frame is sent which has to be painted."""
_OUR_FAULT = ("bad_image", "bad_frame", "unsupported_strength")
"""Codes of answers to frames that would be the same however often they were sent."""


def connect(
    url: str = URL,
    *,
    key: str | None = None,
    student: str | None = None,
    reconnect: bool = True,
    timeout: float = 10.0,
    **params: Any,
) -> "Live":
    """A live session, for `async with`. `params` are any of the protocol's: prompt, seed, strength, format, similarity, ...

    With `reconnect`, a connection that drops is taken up again for half a minute, with the params it had. `timeout` is the
    seconds that opening may take. Entering raises Refused, Full, Gone or BadParams, and BadAddress for what is no address.
    """
    prompt = params.pop("prompt", None)
    return Live(Stream(url, prompt, key=key, student=student, reconnect=reconnect, open_timeout=timeout, **params), url, key)


@dataclass
class Counts:
    """What became of the frames of one session so far."""

    sent: int = 0
    painted: int = 0
    repeated: int = 0
    dropped: int = 0
    failed: int = 0


@dataclass
class _UnderWay:
    """Frames between being sent and being handed to the caller, by id: the number, how often it was sent, its bytes."""

    frames: dict[int, tuple[int, int, bytes]] = field(default_factory=dict)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def fewer_than_allowed(self, pace: Pace) -> None:
        while len(self.frames) >= pace.limit:
            self.changed.clear()
            await self.changed.wait()

    def take(self, frame_id: int) -> tuple[int, int, bytes] | None:
        self.changed.set()
        return self.frames.pop(frame_id, None)


class Live:
    """A live session, of `connect`. One `paint` at a time; params may change meanwhile."""

    def __init__(self, stream: Stream, url: str, key: str | None) -> None:
        self.counts = Counts()
        self.trouble = ""
        """Why the last frame that was not painted was not; empty if all were."""
        self._stream, self._url, self._key = stream, url, key
        self._painting = False
        self._pace = Pace(1)

    async def __aenter__(self) -> Self:
        await self._stream.__aenter__()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        await self.close()

    async def close(self) -> None:
        """End the session. Idempotent."""
        await self._stream.close()

    @property
    def student(self) -> str:
        """The name of the student that paints."""
        return self._stream.student

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of what it paints, in pixels. Frames of another shape are cropped to the middle."""
        return self._stream.width, self._stream.height

    @property
    def params(self) -> dict[str, Any]:
        """The params in force."""
        return dict(self._stream.in_force)

    @property
    def ready(self) -> dict[str, Any]:
        """All that the server greeted with: styles, suggestions, known strengths, ..."""
        return dict(self._stream.ready)

    @property
    def watch_url(self) -> str:
        """The address at which others may watch this session, as Motion JPEG; with .jpg for .mjpg its newest image alone."""
        return rest_url(self._url, f"/v1/sessions/{self._stream.ready['watch']}.mjpg")

    async def change(self, **params: Any) -> dict[str, Any]:
        """Change params, from the next frame on; all that are then in force. Raises BadParams and keeps the old ones."""
        return await self._stream.params(**params)

    async def stills(self, prompt: str, **options: Any) -> list[Still]:
        """Images from words alone, by the same student: see `allaprima.stills`."""
        return await stills(prompt, url=self._url, key=self._key, **{"student": self.student, **options})

    async def paint(self, frames: Frames, *, every: bool | None = None, **params: Any) -> AsyncGenerator[Painted, None]:
        """Paint frames as they come, and give the images in order.

        `frames` may be any iterator, of files, bytes, pictures or arrays (see `Frame`); the next one is asked for when there
        is room for it, so a source that is faster than the server should keep its newest (`newest`). A frame that came too
        late, or while the connection was down, is left out; with `every` it is sent again until it is painted, which is so
        unasked for frames in a list or a tuple.

        Raises BadFrame for what is no picture, NotPainted where `every` frame was wanted, BadParams for `params`, and what
        ends the session: Gone, Refused, Full, TooBig.
        """
        if self._painting:
            raise RuntimeError("this session paints already: leave that loop first, or open another session")
        self._painting = True
        try:
            if params:
                await self.change(**params)
            wants_all = isinstance(frames, list | tuple) if every is None else every
            async with aclosing(self._paint(frames, wants_all)) as painted:
                async for image in painted:
                    yield image
        finally:
            self._painting = False

    async def _paint(self, frames: Frames, every: bool) -> AsyncGenerator[Painted, None]:
        under_way, done, due = _UnderWay(), dict[int, Painted | None](), 0
        self._pace = Pace(self._stream.window)
        last: Painted | None = None
        feeding = asyncio.create_task(self._feed(frames, under_way, every), name="frames")
        try:
            while (answered := await self._answer(feeding, under_way)) is not None:
                answer, latency = answered
                if answer.id is None or (taken := under_way.take(answer.id)) is None:
                    continue  # of a frame of an earlier `paint`, which was left
                number, tries, image = taken
                painted = self._painted(answer, number, latency, last)
                if painted is None and every and tries < MOST_TRIES:
                    await self._send(under_way, number, tries + 1, image, every)
                    continue
                if painted is None and every:
                    raise NotPainted(number, self.trouble)
                last = painted or last
                done[number] = painted
                while due in done:
                    if (image_out := done.pop(due)) is not None:
                        yield image_out
                    due += 1
        finally:
            feeding.cancel()
            await asyncio.gather(feeding, return_exceptions=True)

    async def _feed(self, frames: Frames, under_way: _UnderWay, every: bool) -> None:
        number = 0
        async with aclosing(encoded_frames(frames, *self.size)) as images:
            async for image in images:
                # also those that are answered and not yet asked for: a caller that is slow must not be sent more
                await under_way.fewer_than_allowed(self._pace)
                await self._send(under_way, number, 1, image, every)
                number += 1

    async def _send(self, under_way: _UnderWay, number: int, tries: int, image: bytes, every: bool) -> None:
        def numbered(frame_id: int) -> None:
            under_way.frames[frame_id] = (number, tries, image if every else b"")
            self.counts.sent += 1

        await self._stream.send(image, numbered)

    async def _answer(self, feeding: "asyncio.Task[None]", under_way: _UnderWay) -> tuple[Answer, float] | None:
        """The next answer; None when all frames have theirs and no more come. Raises what ended the frames or the session."""
        receiving = asyncio.ensure_future(self._stream.receive_timed())
        try:
            while not receiving.done():
                if feeding.done() and not under_way.frames:
                    feeding.result()  # what went wrong with the frames, once those before it are painted
                    return None
                await asyncio.wait({receiving} if feeding.done() else {receiving, feeding}, return_when=asyncio.FIRST_COMPLETED)
            return receiving.result()
        except Ended:
            return None
        finally:
            receiving.cancel()

    def _painted(self, answer: Answer, number: int, latency: float, last: Painted | None) -> Painted | None:
        """What an answer shows, or None for a frame that was not painted."""
        if isinstance(answer, wire.FrameOut):
            if answer.kind is wire.AnswerKind.IMAGE:
                self.counts.painted += 1
                self._pace.answered(dropped=False)
                microseconds = (answer.wait_us, answer.decode_us, answer.engine_us, answer.encode_us)
                wait, decode, engine, encode = (us / 1e6 for us in microseconds)
                return Painted(answer.image, number, False, latency, Timings(wait, decode, engine, encode, answer.rows))
            if answer.kind is wire.AnswerKind.REPEAT and last is not None:
                self.counts.repeated += 1
                self._pace.answered(dropped=False)
                return Painted(last.data, number, True, latency)
            self.counts.dropped += 1
            self._pace.answered(dropped=True)
            self.trouble = "it came too late to be painted in time"
            return None
        self.counts.failed += 1
        self.trouble = f"{answer.message} ({answer.code})"
        if answer.code in _OUR_FAULT:
            raise BadFrame(number, answer.message)
        return None
