"""The server's process: it serves until it is told to stop, and then ends in time, whatever hangs."""

import asyncio
import logging
import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Protocol

import uvicorn

from .memory import Trimmer
from .settings import Settings
from .transport import Doorway, Guard

log = logging.getLogger(__name__)

_LAST_ANSWERS = 0.8
"""Seconds beyond the grace for answers that nothing more will be painted, and for sockets to be cut off."""
_LAST_RESORT = 1.5
"""Seconds beyond the grace after which the process ends, whatever it is doing."""
_LAST_WORDS = 0.4
"""Seconds, beyond all, for what is still to be written where it is read."""
_STOPPED_BY = 128
"""A process that a signal ended has this and the signal's number as its status, by custom."""


class Runs(Protocol):
    """What a process runs: a server, or workers."""

    @property
    def settings(self) -> Settings: ...

    def error(self) -> str:
        """Why it had to stop; empty if it had not."""
        ...

    def begin_end(self) -> None:
        """Told first, on the event loop: what would go on for ever, and nobody's work depends on, is to end."""
        ...

    def shut(self, patience: float = ...) -> bool:
        """End every thread within `patience` seconds; False if one is left that hangs. Idempotent."""
        ...


class ServerProcess(uvicorn.Server):
    """uvicorn's server, which ends in time: after `grace` seconds for what is in flight, and two more, whatever hangs.

    A first signal, or `stop`, begins the end; a second signal is the end.
    """

    def __init__(self, config: uvicorn.Config, server: Runs, guard: Guard) -> None:
        super().__init__(config)
        self._server, self._guard, self._grace = server, guard, server.settings.grace
        self._stopping_since: float | None = None

    def stop(self) -> None:
        """Begin the end. Any thread, any number of times."""
        self.should_exit = True
        if self._stopping_since is not None:
            return
        self._stopping_since = time.monotonic()
        last_resort = threading.Timer(self._grace + _LAST_RESORT, self._end_at_once)
        last_resort.daemon = True
        last_resort.start()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self._stopping_since is not None:
            _leave(_STOPPED_BY + sig)
        self.stop()

    def _left(self) -> float:
        """Seconds until nothing is waited for any more."""
        since = time.monotonic() if self._stopping_since is None else self._stopping_since
        return max(0.0, since + self._grace + _LAST_ANSWERS - time.monotonic())

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup([])  # what comes before connections; our doorway takes those
        doorway = Doorway(sockets or [], self._guard, self._make_protocol)
        try:
            doorway.open()
            self.servers = [doorway]  # type: ignore[list-item]
        except NotImplementedError:  # by Windows' loop, whose own server then takes them
            loop = asyncio.get_running_loop()
            self.servers = [await loop.create_server(self._make_protocol, sock=one) for one in sockets or []]
        for one in sockets or []:
            host, port = one.getsockname()[:2]
            log.info("listening on http://%s:%d", f"[{host}]" if ":" in host else host, port)

    def _make_protocol(self) -> asyncio.Protocol:
        made: asyncio.Protocol = self.config.http_protocol_class(  # type: ignore[call-arg]
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return made

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.stop()
        self.config.timeout_graceful_shutdown = self._left()  # type: ignore[assignment]
        over = asyncio.create_task(self._end_grace())
        self._server.begin_end()
        await super().shutdown(sockets)
        over.cancel()

    async def _end_grace(self) -> None:
        # uvicorn would cut off who still waits; the server answers them first
        await asyncio.sleep(self._left() - _LAST_ANSWERS)
        await asyncio.to_thread(self._server.shut, _LAST_ANSWERS / 2)
        await asyncio.sleep(_LAST_ANSWERS / 4)
        for connection in list(self.server_state.connections):  # whose clients neither read nor finish what they ask
            connection.transport.abort()

    def _end_at_once(self) -> None:
        _leave(1 if self._server.error() else 0, self._say_that_it_is_ended)

    def _say_that_it_is_ended(self) -> None:
        log.warning("something held on to this process: it is ended")
        self.status()

    def status(self) -> int:
        """The exit status; says on stderr why, if something failed."""
        if why := self._server.error():
            print(f"allaprima: {why}", file=sys.stderr)
            return 1
        return 0 if self.started or self._stopping_since is not None else 1

    def serve_until_stopped(self, sockets: list[socket.socket]) -> int:
        """Serve; the exit status. Does not come back from an engine that hangs: the process ends here."""
        trimmer = Trimmer()
        trimmer.start()
        self.run(sockets)
        trimmer.stop()
        ended = self._server.shut(min(self._left(), _LAST_ANSWERS / 2))
        status = self.status()
        if not ended:  # a thread that hangs would keep the interpreter from its end, or break in it
            _leave(status)
        return status


def _leave(status: int, say: Callable[[], None] = lambda: None) -> None:
    """End this process, and nothing but it: no thread is waited for, and who reads what it says only for a moment."""

    def speak() -> None:
        say()
        logging.shutdown()
        for stream in (sys.stdout, sys.stderr):
            stream.flush()

    try:
        # apart, since nobody may be reading: whoever then has the log's lock has it for ever
        speaking = threading.Thread(target=speak, name="last-words", daemon=True)
        speaking.start()
        speaking.join(_LAST_WORDS)
    finally:
        os._exit(status)
