"""uvicorn's WebSocket protocol, held to limits, with ways for the live route to let go of a client."""

import asyncio
from collections.abc import MutableMapping
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame
from websockets.http11 import Request

from ..types import Refusal
from .frames import CountedFrames
from .guard import Guard, Reading
from .plain import plain
from .polite import CLOSE_SECONDS, PoliteTransport

_EXTENSION = "allaprima.transport"
_PIECE = 4 << 10
"""Bytes parsed at once."""
_FRAMES_A_TURN = 64
"""Frames parsed before everybody else has a turn: some hundred microseconds."""
_QUIET_SECONDS = 0.5
"""For a peer that was told to go and says nothing more to do so."""
_SLACK_SECONDS = 5.0
"""For the live route, which knows better how to part with one who does not read, to do it itself."""
_NOT_UTF8 = 1007
_POLICY = 1008


class LiveProtocol(WebSocketsSansIOProtocol):
    """Frames are counted before they are kept, parsed a few at a time, and no more while the route has not taken the last."""

    transport: PoliteTransport
    conn: CountedFrames

    def __init__(self, *args: Any, guard: Guard, **more: Any) -> None:
        super().__init__(*args, **more)
        self.conn = CountedFrames(max_size=self.config.ws_max_size, logger=self.logger, clock=self.loop.time)
        self.close_timeout = CLOSE_SECONDS
        self.address: str | None = None
        self.lost = asyncio.Event()
        self._guard = guard
        self._unparsed = bytearray()
        self._turn: asyncio.Handle | None = None
        self._unfinished_since: float | None = None
        self._refused = False
        self._reading = Reading()

    # the peer ----------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, PoliteTransport)  # of the HTTP protocol, whose connection this was
        transport.still_sends = self._still_sends
        transport.on_resume = self._go_on
        super().connection_made(transport)
        self.address = self.client[0] if self.client else None
        self._guard.replace(transport.get_protocol(), self)  # type: ignore[arg-type]

    def connection_lost(self, exc: Exception | None) -> None:
        self._guard.leave(self)
        self.lost.set()
        self._unparsed.clear()
        if self._turn is not None:
            self._turn.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._refused or self.transport.is_closing():
            self.transport.discard(len(data))
            return
        if not self.handshake_initiated:
            super().data_received(data)  # the request, which has been parsed once and is known to be whole
            if not self.handshake_initiated:
                self._no_handshake()
            return
        self._unparsed += data
        if self._turn is None:
            self._parse()

    def _no_handshake(self) -> None:
        """It was a request for HTTP and is none for websockets, which takes no body and shorter lines, and would wait."""
        why = f"not a handshake as it should be: {self.conn.handshake_exc or 'more than a request'}"
        self._guard.refuse(Refusal.BAD_REQUEST, why, self.address)
        self.handshake_initiated = self.handshake_complete = self.close_sent = True
        self.transport.write(plain(HTTPStatus.BAD_REQUEST, why))
        self.transport.close()

    def _parse(self) -> None:
        """Parse what has come: a little of it, for others have their turn too, and none while the route is behind."""
        self._turn = None
        last = self.conn.seen + _FRAMES_A_TURN
        while self._unparsed and self.handshake_complete and not self.read_paused and not self.transport.is_closing():
            wait = self.conn.wait()
            if wait or self.conn.seen >= last:
                self._turn = self.loop.call_later(wait, self._parse)
                break
            piece = bytes(self._unparsed[:_PIECE])
            del self._unparsed[:_PIECE]
            super().data_received(piece)
        if self.transport.is_closing():
            self._unparsed.clear()
        self.transport.hold(bool(self._unparsed))
        if not self.conn.unfinished:
            self._unfinished_since = None
        elif self._unfinished_since is None:
            self._unfinished_since = self.loop.time()

    def _go_on(self) -> None:
        """The route has taken a message."""
        if self._unparsed and self._turn is None:
            self._turn = self.loop.call_soon(self._parse)

    def _still_sends(self) -> bool:
        return self.handshake_complete and self.initial_response is None and self.conn.close_rcvd is None

    # frames ------------------------------------------------------------------------------------------------------

    def handle_cont(self, event: Frame) -> None:
        # joined as they come: many small parts would take many times their size
        whole: bytes | bytearray = self.frames[0] if self.frames else b""
        whole = whole if isinstance(whole, bytearray) else bytearray(whole)
        whole += event.data
        self.frames = [whole]  # type: ignore[list-item]
        if event.fin:
            self.send_receive_event_to_app()

    def send_receive_event_to_app(self) -> None:
        self._unfinished_since = None
        self.frames = [bytes(b"".join(self.frames))]
        if self.curr_msg_data_type == "text" and not self.close_sent:
            try:
                self.frames[0].decode()
            except UnicodeDecodeError:  # a client's fault, which uvicorn would log with a traceback
                self.frames = []
                self.conn.fail(_NOT_UTF8, "a text message that is not UTF-8")
                self.handle_parser_exception()
                return
        super().send_receive_event_to_app()

    def handle_parser_exception(self) -> None:
        if self.conn.excess:
            self._guard.refuse(Refusal.FLOOD, self.conn.excess, self.address)
        super().handle_parser_exception()

    # the route ---------------------------------------------------------------------------------------------------

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if self.response.status_code == 101:
            self.scope["extensions"] = {**(self.scope["extensions"] or {}), _EXTENSION: {"protocol": self}}

    async def send(self, message: Any) -> None:
        accepting = not self.handshake_complete
        await self.writable.wait()  # it may be closed meanwhile
        if self.close_sent and not accepting:
            # the guard or the client has closed it while the route was about to speak
            if message["type"] == "websocket.close":
                return
            raise ClientDisconnected
        await super().send(message)
        if self._refused and message["type"] == "websocket.close":
            self.let_go()
        elif accepting:
            self._go_on()

    def refuse(self) -> None:
        """Parse nothing more of this client, and do not wait for it to close once it has been told why."""
        self._refused = True

    def let_go(self) -> None:
        """End it now that it has been told."""
        if self.close_timer is not None:
            self.close_timer.cancel()
        self.transport.close()

    # the guard ---------------------------------------------------------------------------------------------------

    def waits_since(self) -> float | None:
        return self.transport.ending_since

    def look(self, now: float) -> None:
        transport, limits = self.transport, self._guard.limits
        if transport.ending_since is not None:
            transport.settle(now, CLOSE_SECONDS, _QUIET_SECONDS)
        elif self._unfinished_since is not None and now - self._unfinished_since > limits.message_seconds:
            why = f"a message was not finished in {limits.message_seconds:g} s"
            self._guard.refuse(Refusal.SLOW, why, self.address)
            self.conn.fail(_POLICY, why)
            self.handle_parser_exception()
        elif self._reading.stalled(
            transport.taken(), transport.get_write_buffer_size(), now, limits.stall_seconds + _SLACK_SECONDS
        ):
            self._guard.refuse(Refusal.SLOW, f"what was sent was not read for {limits.stall_seconds:g} s", self.address)
            transport.abort()

    def drop(self) -> None:
        self.transport.abort()


def _protocol(scope: MutableMapping[str, Any]) -> LiveProtocol | None:
    found: LiveProtocol | None = (scope.get("extensions") or {}).get(_EXTENSION, {}).get("protocol")
    return found


def cut_off(scope: MutableMapping[str, Any]) -> None:
    """Drop the connection of this scope, and what was still to be sent on it."""
    if (protocol := _protocol(scope)) is not None:
        protocol.drop()


def refuse(scope: MutableMapping[str, Any]) -> None:
    """From now on read nothing of this connection: it is only told why it is closed."""
    if (protocol := _protocol(scope)) is not None:
        protocol.refuse()


async def until_lost(scope: MutableMapping[str, Any]) -> None:
    """Return when the connection is gone, also while nobody reads from it. On another server: never."""
    protocol = _protocol(scope)
    await (asyncio.Event() if protocol is None else protocol.lost).wait()
