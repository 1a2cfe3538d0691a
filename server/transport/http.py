"""uvicorn's HTTP protocol on h11, held to limits."""

import asyncio
import logging
import socket
from collections.abc import MutableMapping
from contextlib import suppress
from http import HTTPStatus
from typing import Any

import h11
from uvicorn.protocols.http.flow_control import CLOSE_HEADER
from uvicorn.protocols.http.h11_impl import H11Protocol

from ..types import Refusal
from .guard import Guard, Reading
from .plain import plain
from .polite import PoliteTransport

MOST_HEADER = 16 << 10
"""Bytes of a request's line and headers."""
MOST_HEADERS = 100
MOST_PIECES, _FULL_PIECE = 1024, 1024
"""Chunks of one body that are smaller than so many bytes: each costs some microseconds, however small it is."""
LINGER_SECONDS, QUIET_SECONDS = 5.0, 1.0
"""For a peer to finish sending a request that was answered already, and between two parts of it."""
MOST_AHEAD = 64 << 10
"""Bytes of requests that may wait behind one that is being answered. While an app listens for its client's going, uvicorn
reads on, and what it reads then is kept."""
_EXTENSION = "allaprima.http"
_LITTLE = 64 << 10
"""Bytes that the system is asked to keep for a slow peer; it may double them."""
_PIECE = 8 << 10
"""Bytes parsed at once: what is too long is found before all of it is parsed."""
_quiet = logging.getLogger(f"{__name__}.uvicorn")
_quiet.setLevel(logging.ERROR)
"""uvicorn warns of what clients do wrong, a line each: they are counted and said by whoever the guard reports to."""


class _Counted(h11.Connection):
    """h11's connection, which counts what a peer sends in many small pieces."""

    def __init__(self) -> None:
        super().__init__(h11.SERVER, MOST_HEADER)
        self._pieces = self._bytes = 0
        self.fault: h11.RemoteProtocolError | None = None

    def next_event(self) -> Any:
        try:
            return self._counted(super().next_event())
        except h11.RemoteProtocolError as fault:
            self.fault = fault
            raise

    def _counted(self, event: Any) -> Any:
        if isinstance(event, h11.Request):
            self._pieces = self._bytes = 0
            if len(event.headers) > MOST_HEADERS:
                raise h11.RemoteProtocolError(f"more than {MOST_HEADERS} headers", error_status_hint=431)
        elif isinstance(event, h11.Data):
            self._pieces += 1
            self._bytes += len(event.data)
            if self._pieces > MOST_PIECES + self._bytes // _FULL_PIECE:
                raise h11.RemoteProtocolError(f"a body of more than {MOST_PIECES} small chunks")
        return event


class HttpProtocol(H11Protocol):
    """Requests have a time to come in, responses a time to be read, and connections that end do so in bounded time."""

    transport: PoliteTransport

    def __init__(self, *args: Any, guard: Guard, **more: Any) -> None:
        super().__init__(*args, **more)
        self.conn = self._counted = _Counted()
        self.logger = _quiet
        self._served, self.app = self.app, self._serve
        self.address: str | None = None
        self._guard = guard
        self._header_since: float | None = None
        """Since when we have been waiting for a request's header; None while one is answered."""
        self._body_since: float | None = None
        self._heard = False
        """Whether something of that header has come."""
        self._reading = Reading()

    # the peer ----------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        polite = PoliteTransport(transport, self.loop.time)
        polite.still_sends = self._still_sends
        super().connection_made(polite)
        self.address = self.client[0] if self.client else None
        self._header_since = self.loop.time()
        if not self._guard.enter(self):
            polite.write(plain(HTTPStatus.SERVICE_UNAVAILABLE, "no room for another connection; try again in 5 seconds"))
            polite.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._guard.leave(self)
        self._unset_keepalive_if_required()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            self.transport.discard(len(data))
            return
        for start in range(0, len(data), _PIECE):
            super().data_received(data[start : start + _PIECE])
            if self.transport.is_closing() or self.transport.get_protocol() is not self:
                return
            if self.conn.their_state is h11.DONE and len(self.conn.trailing_data[0]) > MOST_AHEAD:
                why = f"more than {MOST_AHEAD >> 10} KB of requests behind one that was not answered yet"
                self._guard.refuse(Refusal.FLOOD, why, self.address)
                self.drop()
                return
        self._note(self.loop.time())

    def _note(self, now: float) -> None:
        """Note what we wait for, now that something has come."""
        if self.conn.their_state is h11.IDLE:
            if not self._heard and self.cycle is not None:
                self._header_since = now  # of another request on a connection that was kept alive
            self._heard = True
        else:
            self._header_since, self._heard = None, False
        if self.conn.their_state is not h11.SEND_BODY:
            self._body_since = None
        elif self._body_since is None:
            self._body_since = now

    def _still_sends(self) -> bool:
        return self.conn.their_state in (h11.SEND_BODY, h11.ERROR)

    async def _serve(self, scope: Any, receive: Any, send: Any) -> None:
        """The app; an answer that comes before the whole request tells the client that it is the last on this connection."""

        async def tell(message: Any) -> None:
            if message["type"] == "http.response.start" and self.conn.their_state is h11.SEND_BODY:
                message = {**message, "headers": [*message.get("headers", ()), CLOSE_HEADER]}
            await send(message)

        scope["extensions"] = {**(scope.get("extensions") or {}), _EXTENSION: {"protocol": self}}
        await self._served(scope, receive, tell)

    def keep_little(self) -> None:
        """Have the system keep little for a peer that is slow: what is old by the time it is read is worth nothing."""
        own: socket.socket | None = self.transport.get_extra_info("socket")
        if own is not None and not self.transport.is_closing():
            with suppress(OSError, ValueError):  # closed a moment ago: uvloop's socket then has no descriptor
                own.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _LITTLE)

    # uvicorn -----------------------------------------------------------------------------------------------------

    def on_response_complete(self) -> None:
        if self.conn.their_state is h11.SEND_BODY:
            # the rest of a body that nobody wants: without this it could go on for ever
            self.server_state.total_requests += 1
            self.transport.close()
            return
        super().on_response_complete()
        if self.conn.their_state is h11.IDLE:
            self._header_since, self._heard = self.loop.time(), False

    def send_400_response(self, msg: str) -> None:
        fault = self._counted.fault
        why = f"not HTTP as it should be: {fault or msg}"
        self._guard.refuse(Refusal.BAD_REQUEST, why, self.address)
        is_free = self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE)
        self._stop_cycle()
        if is_free:
            self.transport.write(plain(HTTPStatus(fault.error_status_hint if fault else 400), why))
            self.transport.close()
        else:  # in the middle of an answer, which cannot be taken back
            self.transport.abort()

    def _unsupported_upgrade_warning(self) -> None:
        """An upgrade to what we do not speak is no news: the request is answered as it is."""

    def shutdown(self) -> None:
        try:
            super().shutdown()
        except h11.LocalProtocolError:  # it has ended already
            self.transport.close()

    def timeout_keep_alive_handler(self) -> None:
        try:
            super().timeout_keep_alive_handler()
        except h11.LocalProtocolError:
            self.transport.close()

    def _stop_cycle(self) -> None:
        """What is under way will not be answered any more."""
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()

    # the guard ---------------------------------------------------------------------------------------------------

    def waits_since(self) -> float | None:
        ending, header = self.transport.ending_since, self._header_since
        return ending if ending is not None else header if header is not None else self._body_since

    def look(self, now: float) -> None:
        transport, limits = self.transport, self._guard.limits
        if transport.ending_since is not None:
            transport.settle(now, LINGER_SECONDS, QUIET_SECONDS)
        elif self._header_is_late(now):
            self._too_slow()
        elif self._reading.stalled(transport.taken(), transport.get_write_buffer_size(), now, limits.stall_seconds):
            self._guard.refuse(Refusal.SLOW, f"an answer was not read for {limits.stall_seconds:g} s", self.address)
            transport.abort()

    def _header_is_late(self, now: float) -> bool:
        if self._header_since is None or now - self._header_since <= self._guard.limits.header_seconds:
            return False
        return self._heard or self.cycle is None  # else the connection is kept alive, for which uvicorn has a limit of its own

    def _too_slow(self) -> None:
        if self._heard:  # else it said nothing at all, as browsers do that connect in case they should need it
            why = f"a request's header took longer than {self._guard.limits.header_seconds:g} s"
            self._guard.refuse(Refusal.SLOW, why, self.address)
            self.transport.write(plain(HTTPStatus.REQUEST_TIMEOUT, why))
        self.transport.close()

    def drop(self) -> None:
        self._stop_cycle()
        self.transport.abort()


def keep_little(scope: MutableMapping[str, Any]) -> None:
    """Have the system keep little for the peer of this scope's connection. On another server: nothing."""
    protocol: HttpProtocol | None = (scope.get("extensions") or {}).get(_EXTENSION, {}).get("protocol")
    if protocol is not None:
        protocol.keep_little()
