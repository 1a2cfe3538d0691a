"""The live route: moves messages between a WebSocket and a session. See docs/wire.md."""

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

import wire

from ..auth import complaint
from ..places import NoPlace
from ..rates import TooFast
from ..refusals import turn_away
from ..served import Served
from ..server import Server
from ..session import Message, Session
from ..sessions import Full
from ..transport import until_lost
from ..types import Ending, Refusal
from .keys import key_shown, owner
from .models import described_eyes, described_upscaler, guidance_bounds
from .parting import close, let_in_to_be_told, subprotocol

log = logging.getLogger(__name__)

MOST_UNSENT = 64
"""Messages that wait for a slow reader before we stop reading from it."""
MOST_UNSENT_BYTES = 4 << 20
"""Bytes of such messages, likewise."""

_UNSAID, _LOST = 1005, 1006

_ENDINGS = {
    wire.CLOSE_TOO_BIG: Ending.TOO_LARGE,
    wire.CLOSE_GOING_AWAY: Ending.SHUTDOWN,
    1002: Ending.PROTOCOL,
    1003: Ending.PROTOCOL,
    _LOST: Ending.LOST,
    1007: Ending.PROTOCOL,
    wire.CLOSE_POLICY: Ending.FLOOD,
    1011: Ending.LOST,
}
"""What the code of a close says of how a connection ended; with any other the client left."""


_REFUSED = {Ending.TOO_LARGE: Refusal.TOO_LARGE, Ending.IDLE: Refusal.SLOW, Ending.STALLED: Refusal.SLOW}
"""Endings that are refusals, too, and that nobody else counts as such."""


class Objection(NamedTuple):
    """Why a client is not let in, for the metrics and for itself."""

    reason: Refusal
    close: int
    why: str


class Outbox:
    """Messages on their way to one client. Reading pauses while too much waits; a client that never reads is cut off."""

    def __init__(self, socket: WebSocket, stall_seconds: float) -> None:
        self._socket, self._stall_seconds = socket, stall_seconds
        self._messages: asyncio.Queue[Message] = asyncio.Queue()
        self._bytes = 0
        self._low = asyncio.Event()
        self._low.set()

    def put(self, message: Message) -> None:
        self._messages.put_nowait(message)
        self._bytes += len(message)
        if self._messages.qsize() >= MOST_UNSENT or self._bytes >= MOST_UNSENT_BYTES:
            self._low.clear()

    async def room(self) -> None:
        """Wait until little enough waits."""
        await self._low.wait()

    async def run(self) -> None:
        """Send until cancelled. Raises TimeoutError when the client has not read for too long."""
        while True:
            message = await self._messages.get()
            async with asyncio.timeout(self._stall_seconds):
                await (self._socket.send_bytes(message) if isinstance(message, bytes) else self._socket.send_text(message))
            self._bytes -= len(message)
            if self._messages.qsize() < MOST_UNSENT // 2 and self._bytes < MOST_UNSENT_BYTES // 2:
                self._low.set()


class Idle(Exception):
    """A client holds a place and sends no frame; the text says for how long."""


class _Patience:
    """How long a client may still take to send a frame. Times are the loop's."""

    def __init__(self, first: float, between: float) -> None:
        self._clock = asyncio.get_running_loop().time
        self._first, self._between = first, between
        self._until, self._seconds = self._clock() + first, first

    def frame(self) -> None:
        self._seconds = self._between
        self._until = self._clock() + self._between

    @asynccontextmanager
    async def waiting(self) -> AsyncIterator[None]:
        """Within this we wait for the client. Raises Idle."""
        try:
            async with asyncio.timeout_at(self._until):
                yield
        except TimeoutError:
            raise Idle(f"no frame for {self._seconds:g} s; come back when there is something to paint") from None

    @asynccontextmanager
    async def paused(self) -> AsyncIterator[None]:
        """Within this the client waits for us."""
        began = self._clock()
        yield
        self._until += self._clock() - began


async def _read(socket: WebSocket, session: Session, outbox: Outbox, patience: _Patience) -> None:
    while True:
        async with patience.paused():
            await outbox.room()
            await session.room_for_more()
        async with patience.waiting():
            message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(_close_code(message))
        if (text := message.get("text")) is not None:
            session.text(text)
        else:
            if session.frame(message["bytes"]):
                patience.frame()


class _Replaced(Exception):
    """Another connection has come for the session."""


async def _until_replaced(session: Session) -> None:
    await session.given_up.wait()
    raise _Replaced


async def _watch(socket: WebSocket) -> None:
    """Notice that the connection is gone, also while nobody reads from it."""
    await until_lost(socket.scope)
    raise WebSocketDisconnect(_LOST)


def _close_code(message: Any) -> int:
    code: int = message.get("code", _LOST)
    # uvicorn says 1005 both of a close without a code and of a connection that is gone, of which there is no reason
    return _LOST if code == _UNSAID and "reason" not in message else code


async def _first_to_end(*parts: Coroutine[Any, Any, None]) -> None:
    """Run all; when one ends, cancel the others and raise what it raised."""
    tasks = [asyncio.ensure_future(part) for part in parts]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in (task for task in tasks if task in done):  # in their order: the reader knows best how it ended
        task.result()


async def _refuse(socket: WebSocket, server: Server, objection: Objection) -> None:
    reason, code, why = objection
    client = socket.client.host if socket.client else None
    whose = owner(socket, server)
    turn_away(server.metrics, reason, why, api="stream", where=socket.url.path, owner=whose, client=client)
    await let_in_to_be_told(socket.scope, socket.send, code, why)


def _objection(socket: WebSocket, server: Server, served: Served | None) -> Objection | None:
    offered = socket.scope.get("subprotocols", [])
    if (why := complaint(server.keys, key_shown(socket))) is not None:
        return Objection(Refusal.UNAUTHORIZED, wire.CLOSE_POLICY, why)
    if offered and wire.SUBPROTOCOL not in offered:
        return Objection(Refusal.PROTOCOL, wire.CLOSE_POLICY, f"this server speaks the subprotocol {wire.SUBPROTOCOL}")
    if served is None:
        return Objection(
            Refusal.UNKNOWN_STUDENT, wire.CLOSE_POLICY, f"no student of that name here; there are: {server.names()}"
        )
    if not served.student.live:
        return Objection(Refusal.UNSUPPORTED, wire.CLOSE_POLICY, f"{served.student.name} makes stills only")
    if (why := served.not_ready()) is not None:
        return Objection(Refusal.NOT_READY, wire.CLOSE_FULL, f"{why}; try again in 5 seconds")
    return None


async def _serve(socket: WebSocket, session: Session, server: Server) -> Ending:
    """Serve until the connection ends; how it did."""
    outbox = Outbox(socket, server.settings.stall_seconds)
    session.send = outbox.put
    student, status = session.student, server.students[session.student.name].status()
    hello = wire.ready(
        session.token, student.name, student.width, student.height, session.window, session.params.told(student),
        name=session.name, watch=session.watch, rev=session.rev, styles=student.styles, suggestions=student.suggestions,
        negative_prompt=student.negative_prompt,
        strengths=student.contract.known_strengths(), guidance=guidance_bounds(student),
        img2img=student.img2img, eyes=described_eyes(student), unknown=session.unknown(),
        upscaler=described_upscaler(student, status), size=session.params.size_of(student),
    )  # fmt: skip
    outbox.put(wire.encode_text(hello))
    try:
        patience = _Patience(server.settings.first_frame_seconds, server.settings.idle_seconds)
        await _first_to_end(
            _read(socket, session, outbox, patience), session.paint(), outbox.run(), _watch(socket), _until_replaced(session)
        )
    except TimeoutError:
        log.info("a client was cut off: it did not read for %g s", server.settings.stall_seconds)
        await close(socket, wire.CLOSE_POLICY, "answers were not read in time")
        return Ending.STALLED
    except _Replaced:
        return Ending.REPLACED
    except Idle as idle:
        await close(socket, wire.CLOSE_IDLE, str(idle))
        return Ending.IDLE
    except WebSocketDisconnect as gone:
        return _ENDINGS.get(gone.code, Ending.LEFT)
    except ConnectionError:
        return Ending.LOST
    raise AssertionError("none of the five ends by itself")


async def _attend(socket: WebSocket, session: Session, server: Server) -> None:
    """One connection of a session, from its greeting to the line that is logged of it."""
    how = Ending.ERROR
    with server.tracer.session() as span:
        session.trace = span.trace
        try:
            await socket.accept(subprotocol=subprotocol(socket.scope))
            how = await _serve(socket, session, server)
        except (WebSocketDisconnect, ConnectionError):  # before it was greeted
            how = Ending.LOST
        except asyncio.CancelledError:
            how = Ending.SHUTDOWN
            raise
        finally:
            if (reason := _REFUSED.get(how)) is not None:
                server.metrics.refused(reason)
            span.say(**server.sessions.leave(session, how))
    if how is Ending.REPLACED:  # not before it has left: who came for the session waits for that
        await close(socket, wire.CLOSE_POLICY, "another connection has come back to this session")


def routes(server: Server) -> APIRouter:
    router = APIRouter()

    @router.websocket("/v1/stream")
    async def stream(socket: WebSocket, student: str | None = None, resume: str | None = None) -> None:
        served = server.served(student)
        objection = _objection(socket, server, served)
        if objection is not None:
            await _refuse(socket, server, objection)
            return
        assert served is not None  # or there is an objection
        whose = owner(socket, server)
        place = server.places.place("sessions", whose, server.keys.allowance(whose).sessions)

        async def begin() -> None:
            await server.rates.take(whose)
            await place.take()

        try:
            session = await server.sessions.enter(
                whose,
                resume,
                lambda: served.make_session(whose),
                student,
                lambda kept: server.revive(kept, whose),
                begin,
            )
            # who came back has begun nothing, and is here all the same; nothing is waited for, or the session might be lost
            holding = asyncio.ensure_future(place.hold())
            try:
                await _attend(socket, session, server)
            finally:
                await asyncio.gather(holding, return_exceptions=True)
        except TooFast as error:
            await _refuse(socket, server, Objection(Refusal.RATE, wire.CLOSE_FULL, str(error)))
        except (Full, NoPlace) as error:
            await _refuse(socket, server, Objection(Refusal.FULL, wire.CLOSE_FULL, str(error)))
        finally:
            await place.leave()

    return router
