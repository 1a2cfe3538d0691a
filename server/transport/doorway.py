"""The doorway: connections are taken as fast as they come, and let in a few at a time, by the turns of who they are from.

An event loop's own server makes a transport and a protocol for each before anybody can say no, one after another. So who only
connects and leaves fills the system's queue, which has no turns, and a newcomer waits behind all of them. Here taking one
costs some microseconds: one too many is cut off before anything is made of it, and the others wait in lines of their own.
"""

import asyncio
import socket
import struct
import sys
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence

from ..owner import owner_of
from ..types import Refusal
from .guard import Guard

_AT_ONCE = 512
"""Connections taken before everybody else has a turn: a few milliseconds, and as many as ever wait are gone in a few turns."""
_LET_IN = 8
"""Connections let in at once: each may bring a request, which takes about a millisecond."""
_MOST_WAITING, _LEAST_WAITING = 256, 32
"""That wait here to be let in, and when there is room for so few, or none, that others must give way to them. The descriptors
held back are more than the latter.
"""
_RESET = struct.pack("ii", 1, 0)
"""Of SO_LINGER: an end without farewell, of which nothing is left to wait for."""
_PAUSE_SECONDS = 0.1
"""Without taking any where the system has no descriptor left."""
_CLOSED, _CLOSE_WAIT = 7, 8
"""States of Linux's TCP of a peer that has hung up."""


class Doorway:
    """Takes connections from listening sockets, asks the guard about each, and makes protocols of those that may come in.

    Needs an event loop that can watch a socket for reading: `open` raises NotImplementedError on another. Event loop only.
    """

    def __init__(self, listeners: Sequence[socket.socket], guard: Guard, make: Callable[[], asyncio.Protocol]) -> None:
        self._listeners, self._guard, self._make = listeners, guard, make
        self._lines: OrderedDict[str, deque[socket.socket]] = OrderedDict()  # by owner, in the order of their turns
        self._waiting = 0
        self._turn: asyncio.Handle | None = None
        self._coming: set[asyncio.Task[None]] = set()
        self._pauses: dict[socket.socket, asyncio.TimerHandle] = {}
        self._closed = False

    def open(self) -> None:
        loop = asyncio.get_running_loop()
        for listener in self._listeners:
            listener.setblocking(False)
            loop.add_reader(listener, self._take, listener)

    def close(self) -> None:
        """Let nobody in any more. The listening sockets are their owner's to close."""
        self._closed = True
        loop = asyncio.get_running_loop()
        for listener in self._listeners:
            if (pause := self._pauses.pop(listener, None)) is not None:
                pause.cancel()
            elif listener.fileno() >= 0:
                loop.remove_reader(listener)
        while (one := self._next()) is not None:
            one.close()

    async def wait_closed(self) -> None:
        """Wait for those that are being let in."""
        await asyncio.gather(*self._coming)

    # taking ------------------------------------------------------------------------------------------------------

    def _take(self, listener: socket.socket) -> None:
        most = min(_MOST_WAITING, max(_LEAST_WAITING, self._guard.limits.connections - len(self._guard)))
        for _ in range(_AT_ONCE):
            if self._waiting >= 2 * most:
                break  # from more owners than one can believe: let the system hold the others
            try:
                one, (address, *_) = listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                break
            except OSError as error:
                self._pause(listener, error)
                break
            owner = owner_of(None, address)
            if self._guard.floods(address) or self._has_its_share(owner, address, most):
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                one.close()
            else:
                self._lines.setdefault(owner, deque()).append(one)
                self._waiting += 1
        if self._waiting and self._turn is None:
            self._let_some_in()

    def _has_its_share(self, owner: str, address: str, most: int) -> bool:
        """Whether so many of this owner wait already that another is cut off, and counted."""
        mine = self._lines.get(owner)
        if mine is None or len(mine) < max(1, most // len(self._lines)) or self._guard.speaks_for_many(address):
            return False
        self._guard.refuse(Refusal.FLOOD, f"{len(mine)} new connections of one address at once", address)
        return True

    def _pause(self, listener: socket.socket, error: OSError) -> None:
        """The system can give no connection just now; it would say so again and again."""
        loop = asyncio.get_running_loop()
        self._guard.refuse(Refusal.CROWDED, f"no connection can be taken: {error.strerror or error}", None)
        loop.remove_reader(listener)
        self._pauses[listener] = loop.call_later(_PAUSE_SECONDS, self._resume, listener)

    def _resume(self, listener: socket.socket) -> None:
        del self._pauses[listener]
        asyncio.get_running_loop().add_reader(listener, self._take, listener)

    # letting in --------------------------------------------------------------------------------------------------

    def _let_some_in(self) -> None:
        self._turn = None
        loop = asyncio.get_running_loop()
        let_in = 0
        while let_in < _LET_IN and (one := self._next()) is not None:
            if _has_hung_up(one):
                one.close()
                continue
            coming = loop.create_task(self._connect(one))
            self._coming.add(coming)
            coming.add_done_callback(self._coming.discard)
            let_in += 1
        if self._waiting:
            self._turn = loop.call_soon(self._let_some_in)

    def _next(self) -> socket.socket | None:
        """Whose turn it is."""
        if not self._lines:
            return None
        owner, line = self._lines.popitem(last=False)
        one = line.popleft()
        self._waiting -= 1
        if line:
            self._lines[owner] = line
        return one

    async def _connect(self, one: socket.socket) -> None:
        try:
            one.setblocking(False)
            await asyncio.get_running_loop().connect_accepted_socket(self._make, one)
        except OSError:  # it has gone already
            one.close()


def _has_hung_up(one: socket.socket) -> bool:
    """Whether its peer is gone, whatever it has sent: nobody would read the answer. Where that cannot be known: no."""
    if sys.platform != "linux":
        return False
    try:
        return one.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] in (_CLOSED, _CLOSE_WAIT)
    except OSError:
        return False
