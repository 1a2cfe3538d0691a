"""A transport whose end always comes: what is still being sent to it is let run out, unread, and for a bounded time."""

import asyncio
from collections.abc import Callable
from typing import Any

CLOSE_SECONDS = 1.0
"""For a peer to take the last that it is told."""
LINGER_BYTES = 64 << 20
"""Of a peer that goes on sending which are thrown away before it is cut off."""


class PoliteTransport(asyncio.Transport):
    """Wraps the transport of a connection.

    A socket that is closed with bytes unread is reset, and with it goes what its peer was still to be told: why a request or
    a connection was refused. So where the peer may still be sending, a connection that is to end stays open until the peer has
    closed it or gone quiet, and all that comes is thrown away unparsed (`discard`). Whoever looks after the connection calls
    `settle` now and then, which ends it for good when that takes too long.

    Reading stops while the protocol above (`pause_reading`) or the guard (`hold`) wants it to.
    """

    def __init__(self, real: asyncio.Transport, clock: Callable[[], float]) -> None:
        super().__init__()
        self._real, self._clock = real, clock
        self._paused = self._held = False
        self._discarded, self._heard_at = 0, 0.0
        self._written = 0
        self.ending_since: float | None = None
        """When `close` was called, by the loop's clock."""
        self.lingering = False
        self.on_resume: Callable[[], None] = lambda: None
        self.still_sends: Callable[[], bool] = lambda: False
        """Whether the peer may be in the middle of something."""

    # ending ------------------------------------------------------------------------------------------------------

    def close(self) -> None:
        if self.ending_since is not None:
            return
        self.ending_since = self._clock()
        if self.still_sends() and not self._real.is_closing():
            self.lingering, self._heard_at = True, self.ending_since
            self._real.resume_reading()
        else:
            self._real.close()

    def settle(self, now: float, linger_seconds: float, quiet_seconds: float) -> None:
        """End what is ending, if the peer is done or has had its time.

        It has so many seconds to stop sending, and counts as done when it has sent nothing for `quiet_seconds`; then it has a
        second to read.
        """
        assert self.ending_since is not None
        if self.lingering and now - self._heard_at >= quiet_seconds:
            self.lingering, self.ending_since = False, now
            self._real.close()
        elif now - self.ending_since > (linger_seconds if self.lingering else CLOSE_SECONDS):
            self.abort()

    def abort(self) -> None:
        if self.ending_since is None:
            self.ending_since = self._clock()
        self._real.abort()

    def is_closing(self) -> bool:
        return self.ending_since is not None or self._real.is_closing()

    def discard(self, count: int) -> None:
        """So many bytes came that nobody wants any more."""
        self._discarded, self._heard_at = self._discarded + count, self._clock()
        if self._discarded > LINGER_BYTES:
            self.abort()

    # writing -----------------------------------------------------------------------------------------------------

    def write(self, data: Any) -> None:
        if self.ending_since is None:
            self._written += len(data)
            self._real.write(data)

    def get_write_buffer_size(self) -> int:
        return self._real.get_write_buffer_size()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._real.set_write_buffer_limits(high, low)

    def taken(self) -> int:
        """Bytes that the system has taken from us for the peer so far."""
        return self._written - self.get_write_buffer_size()

    # reading -----------------------------------------------------------------------------------------------------

    def pause_reading(self) -> None:
        self._paused = True
        self._set_reading()

    def resume_reading(self) -> None:
        self._paused = False
        self.on_resume()
        self._set_reading()

    def hold(self, held: bool) -> None:
        """Stop reading whatever the protocol above wants, or let it have its way again."""
        if held != self._held:
            self._held = held
            self._set_reading()

    def is_reading(self) -> bool:
        return self._real.is_reading()

    def _set_reading(self) -> None:
        if self.ending_since is not None or self._real.is_closing():
            return
        if self._paused or self._held:
            self._real.pause_reading()
        else:
            self._real.resume_reading()

    # the rest ----------------------------------------------------------------------------------------------------

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._real.get_extra_info(name, default)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._real.set_protocol(protocol)

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self._real.get_protocol()
