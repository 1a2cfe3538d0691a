"""Who suffers, and who watches: a polite live user, somebody who asks for /healthz, and a newcomer at the door."""

import asyncio
import contextlib
import itertools
import time
from dataclasses import dataclass, field

from allaprima import sources
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.typing import Subprotocol

from wire import SUBPROTOCOL, AnswerKind, FrameIn, FrameOut, decode_text, encode_text

FRAMES_PER_SECOND = 8.0
QUESTIONS_PER_SECOND = 5.0
HOST = "127.0.0.1"
NEWCOMER = "127.0.0.9"
"""Where the newcomer comes from: all of 127/8 is this machine."""
_PATIENCE = 10.0
"""Seconds to wait for one answer: longer is never."""
_SETTLED = 4
"""Images after which the neighbour is at home."""
_KNOCKS = 1.0
"""Seconds between two newcomers."""


async def enter(port: int, key: str | None, address: str, query: str = "") -> tuple[ClientConnection, dict[str, object]]:
    """A live connection and its greeting. Raises OSError, TimeoutError, or an exception of websockets."""
    socket = await connect(
        f"ws://{HOST}:{port}/v1/stream{query}", subprotocols=[Subprotocol(SUBPROTOCOL)], compression=None, proxy=None,
        additional_headers={"Authorization": f"Bearer {key}"} if key else None, local_addr=(address, 0),
        open_timeout=_PATIENCE, close_timeout=1.0, ping_interval=None,
    )  # fmt: skip
    async with asyncio.timeout(_PATIENCE):
        return socket, decode_text(str(await socket.recv()))


@dataclass
class Neighbour:
    """A live user who sends eight different frames a second and keeps the window; who is thrown out comes back."""

    port: int
    key: str | None = None
    images: list[tuple[float, float]] = field(default_factory=list)
    """When an image came, and how many seconds after its frame."""
    repeats: int = 0
    drops: int = 0
    errors: int = 0
    lost: int = 0
    settled: asyncio.Event = field(default_factory=asyncio.Event)
    """Some images have come."""
    _unanswered: dict[int, float] = field(default_factory=dict)

    async def live(self) -> None:
        """Until cancelled."""
        while True:
            try:
                socket, ready = await enter(self.port, self.key, HOST)
                window = int(str(ready["window"]))
            except (OSError, KeyError, TimeoutError, ConnectionClosed, InvalidHandshake):
                self.lost += 1
                await asyncio.sleep(0.2)
                continue
            self._unanswered.clear()
            sending = asyncio.create_task(self._send(socket, window))
            try:
                while True:
                    self._take(await socket.recv())
            except ConnectionClosed:
                self.lost += 1
            finally:
                sending.cancel()
                socket.transport.abort()

    async def _send(self, socket: ClientConnection, window: int) -> None:
        await socket.send(encode_text({"type": "params", "prompt": "neon", "similarity": None}))
        pictures = itertools.cycle(sources.moving(256, 256, frames=16))
        began = time.monotonic()
        with contextlib.suppress(ConnectionClosed):
            for number in itertools.count(1):
                await asyncio.sleep(max(0.0, began + number / FRAMES_PER_SECOND - time.monotonic()))
                if len(self._unanswered) < window:
                    self._unanswered[number] = time.monotonic()
                    await socket.send(FrameIn(number, next(pictures)).encode())

    def _take(self, message: str | bytes) -> None:
        now = time.monotonic()
        if isinstance(message, str):
            said = decode_text(message)
            if said["type"] == "error":
                self.errors += 1
                self._unanswered.pop(int(said.get("id", -1)), None)
            return
        frame = FrameOut.decode(message)
        sent = self._unanswered.pop(frame.id, now)
        if frame.kind is AnswerKind.IMAGE:
            self.images.append((now, now - sent))
            if len(self.images) > _SETTLED:
                self.settled.set()
        elif frame.kind is AnswerKind.REPEAT:
            self.repeats += 1
        else:
            self.drops += 1


@dataclass
class Questions:
    """Somebody who asks for /healthz five times a second, each time on a new connection, however long the last one takes."""

    port: int
    answers: list[tuple[float, float | None]] = field(default_factory=list)
    """When it was asked, and how many seconds the answer took; None if there was none."""

    async def ask(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            began = time.monotonic()
            for number in itertools.count():
                await asyncio.sleep(max(0.0, began + number / QUESTIONS_PER_SECOND - time.monotonic()))
                group.create_task(self._one())

    async def _one(self) -> None:
        asked = time.monotonic()
        took: float | None = None
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                reader, writer = await asyncio.open_connection(HOST, self.port)
                try:
                    writer.write(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
                    if b" 200 " in await reader.readline():
                        took = time.monotonic() - asked
                finally:
                    writer.close()
        self.answers.append((asked, took))


@dataclass
class Door:
    """A newcomer from an address of its own, who knocks once a second, and leaves when greeted."""

    port: int
    key: str | None = None
    knocks: int = 0
    let_in: int = 0

    async def knock(self) -> None:
        """Until cancelled."""
        while True:
            self.knocks += 1
            with contextlib.suppress(OSError, TimeoutError, ConnectionClosed, InvalidHandshake):
                socket, ready = await enter(self.port, self.key, NEWCOMER)
                self.let_in += ready["type"] == "ready"
                await socket.close()
            await asyncio.sleep(_KNOCKS)
