"""One connection of a soak's client: sends what it is told to, and keeps books on what comes back."""

import asyncio
import contextlib
import time
from array import array
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from allaprima.connection import open_stream
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from wire import AnswerKind, FrameIn, FrameOut, decode_text, encode_text


def _floats() -> "array[float]":
    return array("d")


@dataclass
class SoakCounts:
    """What all clients of a soak saw. `at`, `seconds` and `engine` are of images: when one came, how long after its frame was
    sent, and how much of that was the engine's.

    `abandoned` frames are those whose client hung up on them; `unanswered` ones had a client that waited in vain.
    """

    sent: int = 0
    answered: int = 0
    unanswered: int = 0
    abandoned: int = 0
    unasked: int = 0
    out_of_order: int = 0
    visits: int = 0
    vanished: int = 0
    resumed: int = 0
    stills: int = 0
    stills_unanswered: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    complaints: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    at: "array[float]" = field(default_factory=_floats)
    seconds: "array[float]" = field(default_factory=_floats)
    engine: "array[float]" = field(default_factory=_floats)


PATIENCE = 20.0
"""Seconds to wait for an answer: by then a server that answers at all has."""


class Over(Exception):
    """The connection has ended, or the server answers no more."""


class Visit:
    """A live connection. `pause` is how many seconds a slow reader takes before it reads the next message."""

    def __init__(self, socket: ClientConnection, ready: dict[str, Any], tally: SoakCounts, pause: float = 0.0) -> None:
        self.session: str = ready["session"]
        self._socket, self._window, self._tally, self._pause = socket, int(ready["window"]), tally, pause
        self._sent: dict[int, float] = {}
        self._last_sent = self._last_answered = 0
        self._over = self._gone = False
        self._changed = asyncio.Event()
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def begin(cls, url: str, key: str | None, tally: SoakCounts, pause: float = 0.0) -> "Visit":
        """Connect. Raises a StreamError where the server does not let it in."""
        socket, ready = await open_stream(url, key, 30.0)
        tally.visits += 1
        return cls(socket, ready, tally, pause)

    async def frame(self, image: bytes) -> None:
        """Send a frame, once there is room in the window. Raises Over."""
        try:
            async with asyncio.timeout(PATIENCE):
                await self._until(lambda: len(self._sent) < self._window)
        except TimeoutError:
            raise Over from None
        self._last_sent += 1
        self._sent[self._last_sent] = time.perf_counter()
        self._tally.sent += 1
        await self.say(FrameIn(self._last_sent, image).encode())

    async def same_id_again(self, image: bytes) -> None:
        """Send a frame under an id that was used. Raises Over."""
        await self.say(FrameIn(self._last_sent, image).encode())

    async def params(self, **changes: Any) -> None:
        await self.say(encode_text({"type": "params", **changes}))

    async def say(self, message: str | bytes) -> None:
        """Send anything. Raises Over."""
        try:
            await self._socket.send(message)
        except ConnectionClosed:
            raise Over from None

    async def leave(self) -> None:
        """Wait a while for what is unanswered, and close."""
        with contextlib.suppress(TimeoutError, Over):
            async with asyncio.timeout(PATIENCE):
                await self._until(lambda: not self._sent)
        self._tally.unanswered += len(self._sent)
        self._sent.clear()
        await self._socket.close()
        await self._reader

    async def vanish(self) -> None:
        """Break the connection, as a network does."""
        self._tally.vanished += 1
        self._tally.abandoned += len(self._sent)
        self._gone = True
        self._socket.transport.abort()
        await self._reader

    async def _until(self, true: Any) -> None:
        while not true():
            if self._over:
                raise Over
            self._changed.clear()
            await self._changed.wait()

    async def _read(self) -> None:
        try:
            while True:
                await asyncio.sleep(self._pause)
                self._take(await self._socket.recv())
                self._changed.set()
        except ConnectionClosed:
            pass
        finally:
            self._over = True
            self._changed.set()

    def _take(self, message: str | bytes) -> None:
        if self._gone:  # what had arrived before
            return
        if isinstance(message, bytes):
            frame = FrameOut.decode(message)
            seconds = self._answered(frame.id, frame.kind.name.lower())
            if seconds is not None and frame.kind is AnswerKind.IMAGE and not self._pause:
                self._tally.at.append(time.perf_counter())
                self._tally.seconds.append(seconds)
                self._tally.engine.append(frame.engine_us / 1e6)
            return
        text = decode_text(message)
        if text["type"] != "error":
            return
        self._tally.complaints[str(text["code"])] += 1
        if "id" in text:
            self._answered(int(text["id"]), "error")

    def _answered(self, frame_id: int, kind: str) -> float | None:
        """Count an answer; the seconds since its frame was sent, or None if no frame waits for it."""
        tally = self._tally
        sent = self._sent.pop(frame_id, None)
        if sent is None:
            tally.unasked += 1
            return None
        tally.answered += 1
        tally.kinds[kind] += 1
        tally.out_of_order += frame_id < self._last_answered
        self._last_answered = frame_id
        return time.perf_counter() - sent
