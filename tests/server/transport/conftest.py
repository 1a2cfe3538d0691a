"""An ASGI app behind our protocols and their guard, on a socket of this machine, and raw peers that speak to it."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from server.transport import Doorway, Guard, HttpProtocol, Limits, LiveProtocol
from server.types import Refusal

PATIENCE = 30.0

HANDSHAKE = (
    b"GET /live HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


@dataclass
class Peer:
    """The other end of a connection, which does what it likes."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def all(self) -> bytes:
        """What comes until the connection ends; a reset is an end too."""
        got = b""
        async with asyncio.timeout(PATIENCE):
            try:
                while part := await self.reader.read(1 << 16):
                    got += part
            except ConnectionError:
                pass
        return got

    async def until(self, end: bytes) -> bytes:
        async with asyncio.timeout(PATIENCE):
            return await self.reader.readuntil(end)

    async def shake(self) -> None:
        await self.send(HANDSHAKE)
        assert b" 101 " in await self.until(b"\r\n\r\n")


@dataclass
class Here:
    """A server in this process."""

    port: int
    guard: Guard
    state: ServerState
    refusals: list[tuple[Refusal, str]] = field(default_factory=list)

    @asynccontextmanager
    async def peer(self, **options: Any) -> AsyncIterator[Peer]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, **options)
        try:
            yield Peer(reader, writer)
        finally:
            writer.transport.abort()

    async def becomes(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not condition():  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    async def empty(self) -> None:
        """Wait until no connection is left, for the guard and for uvicorn."""
        await self.becomes(lambda: not len(self.guard) and not self.state.connections and not self.state.tasks)

    def reasons(self) -> list[Refusal]:
        return [reason for reason, _ in self.refusals]


@pytest.fixture
async def serve(caplog: pytest.LogCaptureFixture) -> AsyncIterator[Callable[..., Any]]:
    """`await serve(app, **limits)`: the app, served; nothing that is logged may be a warning or worse."""
    caplog.set_level(logging.WARNING)
    async with AsyncExitStack() as stack:

        async def start(app: Any, keep_alive: int = 5, max_size: int = 1 << 22, **limits: Any) -> Here:
            refusals: list[tuple[Refusal, str]] = []
            guard = Guard(Limits(**limits), lambda reason, why, address: refusals.append((reason, why)))
            live: Any = partial(LiveProtocol, guard=guard)
            config = uvicorn.Config(
                app, ws=live, ws_max_size=max_size, ws_per_message_deflate=False, timeout_keep_alive=keep_alive,
                log_config=None, lifespan="off",
            )  # fmt: skip
            config.load()
            state = ServerState()
            make = partial(HttpProtocol, config=config, server_state=state, app_state={}, guard=guard)
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=2048))
            doorway = Doorway([listener], guard, make)
            doorway.open()
            here = Here(listener.getsockname()[1], guard, state, refusals)
            stack.push_async_callback(_end, here, doorway)
            return here

        yield start
    assert [record.getMessage() for record in caplog.records] == []


async def _end(here: Here, doorway: Doorway) -> None:
    doorway.close()
    for connection in list(here.state.connections):
        connection.shutdown()
    await here.empty()
