"""One hostile client: what attacks are written with. It has an address, so many bytes a second, and so many sockets."""

import random
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator

from . import frames

_COST_OF_CONNECTING = 400
"""Bytes that a connection takes from the rate: packets of the handshakes, there and back."""
_PAUSE = 0.02
"""Seconds before coming back to a server that hung up."""
_BURST = 0.05
"""Seconds of its rate that a client may send at once."""
MOST_SOCKETS = 600
"""Of one client, at once."""
Socket = socket.socket


class Start:
    """The sign that clients wait for, each once, when they have what they need."""

    def __init__(self, clients: int) -> None:
        self._waiting = threading.Semaphore(0)
        self._sign = threading.Event()
        self._clients = clients

    def wait(self) -> None:
        self._waiting.release()
        self._sign.wait()

    def armed(self) -> None:
        """Wait until all clients wait."""
        for _ in range(self._clients):
            self._waiting.acquire()

    def give(self) -> None:
        self._sign.set()


class Hostile:
    """What an attack is written with. Methods return instead of waiting beyond the end of the attack."""

    def __init__(self, port: int, address: str, index: int, seconds: float, rate: float, start: Start) -> None:
        self.port, self.address, self.index, self.seconds, self.rate = port, address, index, seconds, rate
        self.random = random.Random(index)
        self._start = start
        self.sent = 0
        self._sockets: list[Socket] = []
        self._began = self._spent = 0.0

    @property
    def over(self) -> bool:
        return bool(self._began) and time.monotonic() - self._began > self.seconds

    def go(self) -> None:
        """Wait for the sign to begin; the first `connect` does it too."""
        if not self._began:
            self._start.wait()
            self._began = time.monotonic()

    def rounds(self) -> Iterator[int]:
        """0, 1, 2 ... until the attack is over."""
        self.go()
        count = 0
        while not self.over:
            yield count
            count += 1

    # sockets ------------------------------------------------------------------------------------------------------

    def connect(self) -> Socket | None:
        """A socket to the server, or None if it takes none just now (after a short pause)."""
        self.go()
        if len(self._sockets) >= MOST_SOCKETS:
            self.drop(self._sockets[0])
        self._pay(_COST_OF_CONNECTING)
        one = socket.socket()
        one.settimeout(1.0)
        try:
            one.bind((self.address, 0))
            one.connect(("127.0.0.1", self.port))
        except OSError:
            one.close()
            time.sleep(_PAUSE)
            return None
        one.setblocking(False)
        self._sockets.append(one)
        return one

    def stream(self, path: str = frames.PATH, headers: dict[str, str] | None = None) -> Socket | None:
        """A live connection, greeted or refused: its handshake is sent and the answer's first bytes are read."""
        one = self.connect()
        if one is None or not self.send(one, frames.upgrade(path, headers)):
            return None
        if not self.read(one, 1.0).startswith(b"HTTP/1.1 101"):
            self.drop(one)
            time.sleep(_PAUSE)
            return None
        return one

    def drop(self, one: Socket) -> None:
        """Close a socket and forget it."""
        one.close()
        if one in self._sockets:
            self._sockets.remove(one)

    def close(self) -> None:
        """Hang up everywhere."""
        for one in list(self._sockets):
            self.drop(one)

    def send(self, one: Socket, data: bytes, *, drain: bool = True) -> bool:
        """Send it all at the client's rate, and read away what came unless not to `drain`. False if the server hung up."""
        view = memoryview(data)
        while view:
            if self.over:
                return False
            if drain and not self.drain(one):
                return False
            try:
                _, ready, _ = select.select([], [one], [], 0.1)
                count = one.send(view[: self._chunk]) if ready else 0
            except BlockingIOError:
                count = 0
            except (OSError, ValueError):
                return self._lost(one)
            self.sent += count
            view = view[count:]
            self._pay(count)
        return True

    def read(self, one: Socket, seconds: float) -> bytes:
        """What comes within so many seconds, at most 64 KiB; empty if nothing did or the server hung up."""
        try:
            ready, _, _ = select.select([one], [], [], seconds)
            return one.recv(65536) if ready else b""
        except (OSError, ValueError):
            return b""

    def drain(self, one: Socket) -> bool:
        """Read away what has come. False if the server hung up."""
        try:
            while (got := one.recv(1 << 18)) and not self.over:
                pass
        except BlockingIOError:
            return True
        except (OSError, ValueError):
            return self._lost(one)
        return bool(got) or self._lost(one)

    def pour(self, what: bytes | Callable[[int], bytes], open_one: Callable[[], Socket | None], *, drain: bool = True) -> None:
        """Send the same again and again, or what `what` makes of 0, 1, 2 ...; after a hang-up on a new socket."""
        count, one = 0, None
        for _ in self.rounds():
            one = open_one() if one is None else one
            if one is None:
                continue
            if self.send(one, what if isinstance(what, bytes) else what(count), drain=drain):
                count += 1
            else:
                self.drop(one)
                one = None
                time.sleep(_PAUSE)

    def sleep(self, seconds: float) -> None:
        """Wait, but not beyond the end."""
        end = time.monotonic() + seconds
        while not self.over and (left := end - time.monotonic()) > 0:
            time.sleep(min(left, 0.1))

    def _lost(self, one: Socket) -> bool:
        self.drop(one)
        return False

    @property
    def _chunk(self) -> int:
        return max(1, int(self.rate * _BURST))

    def _pay(self, cost: int) -> None:
        """Wait until what was spent is within the rate."""
        self._spent += cost
        while (ahead := self._spent / self.rate - (time.monotonic() - self._began) - _BURST) > 0 and not self.over:
            time.sleep(min(ahead, 0.1))
