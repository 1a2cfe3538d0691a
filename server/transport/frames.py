"""The frames of a WebSocket, counted as they are parsed: before one is answered, joined or queued."""

import time
from collections.abc import Callable
from typing import Any

from websockets.exceptions import ProtocolError
from websockets.frames import Frame, Opcode
from websockets.server import ServerProtocol

from .bucket import Bucket

CONTROL_RATE, CONTROL_BURST = 10.0, 64.0
"""Frames a second, and at once, that carry nothing: pings, pongs, empty parts of messages. A browser sends a few a minute."""
MESSAGE_RATE, MESSAGE_BURST = 120.0, 240.0
"""Messages a second, and at once. One who sends more is read more slowly: a camera has sixty a second."""
MOST_FRAGMENTS = 1024
"""Frames of one message."""

FLOOD = 1008


class CountedFrames(ServerProtocol):
    """websockets' protocol, which fails a connection whose frames are many and carry nothing.

    `excess` says what there was too much of, once it has failed for that.
    """

    def __init__(self, *args: Any, clock: Callable[[], float] = time.monotonic, **more: Any) -> None:
        super().__init__(*args, **more)
        self.excess = ""
        self.seen = 0
        """Frames of any kind so far."""
        self._control = Bucket(CONTROL_RATE, CONTROL_BURST, clock)
        self._messages = Bucket(MESSAGE_RATE, MESSAGE_BURST, clock)
        self._fragments = 0

    @property
    def unfinished(self) -> bool:
        """Whether a frame or a message has begun and not ended."""
        return bool(self.reader.buffer) or self.current_size is not None

    def wait(self) -> float:
        """Seconds for which nothing more should be read."""
        return self._messages.wait()

    def recv_frame(self, frame: Frame) -> None:
        self.seen += 1
        opcode = frame.opcode
        if opcode in (Opcode.PING, Opcode.PONG):
            self._count_control("pings and pongs")
        elif opcode is Opcode.CONT:
            self._fragments += 1
            if self._fragments > MOST_FRAGMENTS:
                self._fail(f"a message of more than {MOST_FRAGMENTS} frames")
            if not frame.data:
                self._count_control("empty frames")
        elif opcode is not Opcode.CLOSE:
            self._fragments = 1
            self._messages.take()
            if not frame.data:
                self._count_control("empty frames")
        super().recv_frame(frame)

    def _count_control(self, what: str) -> None:
        if not self._control.take():
            self._fail(f"too many {what}: {CONTROL_RATE:g} a second are taken")

    def _fail(self, why: str) -> None:
        self.excess = why
        self.fail(FLOOD, why)
        raise ProtocolError(why)
