"""A server to test clients against: it speaks the wire format and does as it is told, and knows nothing of painting."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

import wire

JPEG = b"\xff\xd8\xff\xe0 painted"


@dataclass
class StandIn:
    """Answers each frame after `delay` seconds as `answer` says; None leaves the frame unanswered."""

    window: int = 2
    delay: float = 0.0
    greet: bool = True
    close_first: tuple[int, str] | None = None
    answer: Callable[[wire.FrameIn], wire.FrameOut | dict[str, Any] | None] = lambda frame: wire.FrameOut(
        frame.id, wire.AnswerKind.IMAGE, rows=1, wait_us=1000, decode_us=2000, engine_us=3000, encode_us=4000, image=JPEG
    )
    port: int = 0
    frames: list[wire.FrameIn] = field(default_factory=list)
    params: list[dict[str, Any]] = field(default_factory=list)
    queries: list[dict[str, list[str]]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    known: set[str] = field(default_factory=set)
    connections: list[ServerConnection] = field(default_factory=list)
    under_way: int = 0
    most_under_way: int = 0

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    async def handle(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        query = parse_qs(urlsplit(connection.request.path).query)
        self.queries.append(query)
        self.headers.append(dict(connection.request.headers))
        self.connections.append(connection)
        if self.close_first:
            await connection.close(*self.close_first)
            return
        resumed = query.get("resume", [""])[0]
        if resumed and resumed not in self.known:
            await connection.close(wire.CLOSE_POLICY, "no such session")
            return
        session = resumed or f"session{len(self.connections)}"
        self.known.add(session)
        if self.greet:
            hello = wire.ready(session, "stand-in", 64, 48, self.window, {"prompt": ""}, watch=f"watch-{session}")
            await connection.send(wire.encode_text(hello))
        try:
            await self.serve(connection)
        except ConnectionClosed:
            self.under_way = 0

    async def serve(self, connection: ServerConnection) -> None:
        rev = 0
        async for message in connection:
            if isinstance(message, bytes):
                self.frames.append(frame := wire.FrameIn.decode(message))
                self.under_way += 1
                self.most_under_way = max(self.most_under_way, self.under_way)
                asyncio.get_running_loop().call_later(self.delay, self.reply, connection, frame)
                continue
            changes = wire.decode_text(message)
            assert changes.pop("type") == "params"
            if "nonsense" in changes:
                await connection.send(wire.encode_text(wire.error("bad_params", "unknown key 'nonsense'")))
                continue
            self.params.append(changes)
            rev += 1
            await connection.send(wire.encode_text(wire.params_in_force(rev, changes)))

    def reply(self, connection: ServerConnection, frame: wire.FrameIn) -> None:
        answer = self.answer(frame)
        if answer is None:
            return
        self.under_way -= 1
        message = answer.encode() if isinstance(answer, wire.FrameOut) else wire.encode_text(answer)
        self.sending = asyncio.ensure_future(self._send(connection, message))

    async def _send(self, connection: ServerConnection, message: str | bytes) -> None:
        try:
            await connection.send(message)
        except ConnectionClosed:
            self.under_way = 0

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait until it is so. Raises TimeoutError after half a minute."""
        async with asyncio.timeout(30):
            while not true():  # noqa: ASYNC110 - it may be anything, and nobody tells
                await asyncio.sleep(0.005)

    async def drop_everyone(self) -> None:
        """Break the connections as a network does: without a closing message."""
        for connection in self.connections:
            connection.transport.abort()
        await asyncio.sleep(0.01)


@asynccontextmanager
async def standing_in(**how: Any) -> AsyncIterator[StandIn]:
    """A stand-in server with a port of its own."""
    stand_in = StandIn(**how)
    async with serve(
        stand_in.handle, "127.0.0.1", 0, subprotocols=[Subprotocol(wire.SUBPROTOCOL)], close_timeout=0.5
    ) as server:
        stand_in.port = server.sockets[0].getsockname()[1]
        yield stand_in
