"""The realtime route: the newest messages of a client are painted, one after the other, and answered in that order."""

import asyncio
import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Annotated, NamedTuple

from fastapi import APIRouter, Query, WebSocket, WebSocketDisconnect

import wire

from ...auth import complaint
from ...judge import Unfit
from ...logs import Sparing
from ...places import NoPlace
from ...refusals import turn_away
from ...served import Served
from ...server import Server
from ...stills import Asked, Refused
from ...tracing import known_trace
from ...transport import cut_off, refuse
from ...types import Ending, Outcome, Refusal
from ..keys import key_shown, known_owner
from ..parting import LAST_CHANCE, close
from ..request_id import request_id
from .messages import Fault, fault, read, written

log = logging.getLogger(__name__)

API = "fal"
MOST_BUFFERED = 60
_QUALITY = 90
_NORMAL = 1000


class Newest:
    """Messages that wait: so many and so many bytes at most; the oldest give way. Each that did is told to `dropped`."""

    def __init__(self, most: int, most_bytes: int) -> None:
        self._most, self._most_bytes = most, most_bytes
        self._waiting: deque[bytes] = deque()
        self._there = asyncio.Event()

    def put(self, message: bytes) -> int:
        """Let one wait; how many gave way to it."""
        self._waiting.append(message)
        gone = 0
        while len(self._waiting) > self._most or (len(self._waiting) > 1 and self._bytes() > self._most_bytes):
            self._waiting.popleft()
            gone += 1
        self._there.set()
        return gone

    async def take(self) -> bytes:
        while not self._waiting:
            self._there.clear()
            await self._there.wait()
        return self._waiting.popleft()

    def _bytes(self) -> int:
        return sum(map(len, self._waiting))


class Seats:
    """Connections at once, of all and of one owner."""

    def __init__(self, most: int, of_one: int, own: Callable[[str], int | None] = lambda owner: None) -> None:
        self._most, self._of_one, self._own = most, of_one, own
        self._taken: Counter[str] = Counter()

    def objection(self, owner: str) -> str | None:
        """Why there is none for this owner; None if there is."""
        if self._taken.total() >= self._most:
            return f"the server is full ({self._most} realtime connections); try again in 10 seconds"
        own = self._own(owner)
        most = self._of_one if own is None else own
        if self._taken[owner] >= most:
            return f"one user may have {most} realtime connections, and you have; try again in 10 seconds"
        return None

    @contextmanager
    def taken(self, owner: str) -> Iterator[None]:
        self._taken[owner] += 1
        try:
            yield
        finally:
            self._taken[owner] -= 1
            if not self._taken[owner]:
                del self._taken[owner]


class _Objection(NamedTuple):
    """Why a client is not let in, for the metrics and for itself."""

    refusal: Refusal
    error: str
    close: int
    why: str


class _Ended(Exception):
    """A connection is over."""

    def __init__(self, how: Ending) -> None:
        super().__init__(how)
        self.how = how


class _Connection:
    """One client's."""

    def __init__(self, socket: WebSocket, server: Server, served: Served, owner: str, most: int) -> None:
        self._socket, self._server, self._served, self._owner = socket, server, served, owner
        self._waiting = Newest(most, 2 * server.settings.max_message)
        self.images = 0

    async def serve(self) -> Ending:
        """Serve until it ends; how it did."""
        parts = [asyncio.ensure_future(part) for part in (self._read(), self._paint())]
        try:
            done, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
            for part in done:
                part.result()
        except _Ended as ended:
            return ended.how
        except (WebSocketDisconnect, ConnectionError):
            return Ending.LEFT
        finally:
            for part in parts:
                part.cancel()
            await asyncio.gather(*parts, return_exceptions=True)
        raise AssertionError("neither ends by itself")

    async def _read(self) -> None:
        patience = self._server.settings.first_frame_seconds
        while True:
            try:
                async with asyncio.timeout(patience):
                    message = await self._socket.receive()
            except TimeoutError:
                await self._say("TIMEOUT", "no inputs, reconnect when needed!")
                await close(self._socket, _NORMAL, "no inputs")
                raise _Ended(Ending.IDLE) from None
            if message["type"] == "websocket.disconnect":
                raise _Ended(Ending.LEFT)
            if (data := message.get("bytes")) is None:
                await self._say("INVALID_MESSAGE", "messages are msgpack in binary frames")
                continue
            patience = self._server.settings.idle_seconds
            for _ in range(self._waiting.put(data)):
                self._served.metrics.outcome(Outcome.DROPPED_NEWER)

    async def _paint(self) -> None:
        while True:
            data = await self._waiting.take()
            try:
                answer = await self._painted(data)
            except Fault as wrong:
                self._served.metrics.refused(Refusal.BAD_REQUEST)
                await self._say(wrong.error, wrong.reason)
            except Unfit as unfit:
                self._served.metrics.refused(Refusal.UNSUPPORTED)
                await self._say("INVALID_INPUT", f"{_NAMES.get(unfit.param, unfit.param)}: {unfit.message}")
            except Refused as refused:
                await self._say(refused.code.upper(), refused.message)
            else:
                await self._send({"type": "websocket.send", "bytes": answer})

    async def _painted(self, data: bytes) -> bytes:
        """The answer to a message. Raises Fault, Unfit and Refused."""
        asked, image = await asyncio.to_thread(read, data)
        student = self._served.student
        ask = asked.ask(student, image is not None)
        wanted = Asked(
            api=API,
            owner=self._owner,
            ask=ask,
            prompt=((ask.prompt[0], 1.0),),
            count=asked.num_images or 1,
            seed=asked.seed,
            image=image,
            format=asked.format or "jpeg",
            quality=_QUALITY,
            request=request_id(self._socket),
            trace=known_trace(self._socket.headers.get("traceparent")),
        )
        stills = await self._server.stills.paint(self._served, wanted)
        self.images += len(stills)
        return await asyncio.to_thread(written, asked, student, stills, image is not None)

    async def _say(self, error: str, reason: str) -> None:
        await self._send({"type": "websocket.send", "text": fault(error, reason)})

    async def _send(self, message: dict[str, str | bytes]) -> None:
        try:
            async with asyncio.timeout(self._server.settings.stall_seconds):
                await self._socket.send(message)
        except TimeoutError:
            cut_off(self._socket.scope)
            self._server.metrics.refused(Refusal.SLOW)
            raise _Ended(Ending.STALLED) from None


_NAMES = {"guidance": "guidance_scale", "size": "image_size"}


def _address(socket: WebSocket) -> str | None:
    return socket.client.host if socket.client else None


async def _refuse(socket: WebSocket, server: Server, objection: _Objection) -> None:
    """Tell a client why it is not let in: in a message, since its library shows no reason of a close."""
    turn_away(server.metrics, objection.refusal, objection.why, api=API, where=socket.url.path, client=_address(socket))
    refuse(socket.scope)
    with suppress(WebSocketDisconnect, ConnectionError, TimeoutError):
        async with asyncio.timeout(LAST_CHANCE):
            await socket.accept()
            await socket.send_text(fault(objection.error, objection.why))
    await close(socket, objection.close, objection.why)


def routes(server: Server) -> APIRouter:
    router = APIRouter()
    settings = server.settings
    seats = Seats(settings.max_sessions, settings.sessions_per_owner(), lambda owner: server.keys.allowance(owner).sessions)
    lines = Sparing(log, each=30, of_all=120)

    def objection(socket: WebSocket, key: str | None, owner: str, served: Served | None, app: str) -> _Objection | None:
        if (why := complaint(server.keys, key)) is not None:
            return _Objection(Refusal.UNAUTHORIZED, "Unauthorized", wire.CLOSE_POLICY, why)
        if served is None:
            why = f"no student goes by {app!r}; there are: {server.names()}. To have it mean one of these: --alias {app}=NAME"
            return _Objection(Refusal.UNKNOWN_STUDENT, "NOT_FOUND", wire.CLOSE_POLICY, why)
        if (why := served.not_ready()) is not None:
            return _Objection(Refusal.NOT_READY, "NOT_READY", wire.CLOSE_FULL, f"{why}; try again in 5 seconds")
        if (why := seats.objection(owner)) is not None:
            return _Objection(Refusal.FULL, "FULL", wire.CLOSE_FULL, why)
        return None

    @router.websocket("/{namespace}/{app}/realtime")
    @router.websocket("/{namespace}/{app}/{path:path}/realtime")
    async def realtime(
        socket: WebSocket,
        namespace: str,
        app: str,
        fal_jwt_token: str | None = None,
        max_buffering: Annotated[int, Query(ge=1, le=MOST_BUFFERED)] = 1,
    ) -> None:
        key = key_shown(socket) or fal_jwt_token
        owner = known_owner(socket, server.keys, key)
        served = server.served(app) or server.served(f"{namespace}/{app}")
        if (no := objection(socket, key, owner, served, f"{namespace}/{app}")) is not None:
            await _refuse(socket, server, no)
            return
        assert served is not None  # or there is an objection
        place = server.places.place("sessions", owner, server.keys.allowance(owner).sessions)
        try:
            await place.take()
        except NoPlace as error:
            await _refuse(socket, server, _Objection(Refusal.FULL, "FULL", wire.CLOSE_FULL, str(error)))
            return
        connection, began, how = _Connection(socket, server, served, owner, max_buffering), time.monotonic(), Ending.ERROR
        with seats.taken(owner):
            try:
                await socket.accept()
                how = await connection.serve()
            except (WebSocketDisconnect, ConnectionError):  # before it was let in
                how = Ending.LOST
            except asyncio.CancelledError:
                how = Ending.SHUTDOWN
                raise
            finally:
                server.metrics.session_ended(how)
                said = {"api": API, "student": served.student.name, "reason": how.value, "images": connection.images}
                lines.info("session ended", "session ended", owner, seconds=round(time.monotonic() - began, 1), **said)
                await place.leave()

    return router
