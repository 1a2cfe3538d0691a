"""What can end a stream, as exceptions that a caller can tell apart."""

import re

from websockets.exceptions import ConnectionClosed, InvalidStatus

from .protocol import wire

_SECONDS = re.compile(r"(\d+(?:\.\d+)?)\s*s(?:ec|\b)")
_CLOSE_NORMAL = 1000


class StreamError(Exception):
    """The stream has ended, or never began. `reason` is the server's own words where it gave any."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Refused(StreamError):
    """The server will not serve this client: wrong key, unknown student, broken protocol (close code 1008)."""


class TooBig(StreamError):
    """A message was larger than the server takes (close code 1009)."""


class Full(StreamError):
    """The server has no room (close code 1013). `retry_after` is seconds, where the reason says when to try again."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        found = _SECONDS.search(reason)
        self.retry_after = float(found[1]) if found else None


class Gone(StreamError):
    """The server is restarting (close code 1012), cannot be reached, or the connection broke."""


class Ended(StreamError):
    """Either side closed the stream in good order."""


class BadParams(StreamError):
    """The server did not take a change of parameters; the stream goes on with those it had. `code` is its error code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{message} ({code})")
        self.code = code


class BadFrame(StreamError):
    """The server could not read a frame. `frame` is its number, counted from 0; the stream goes on for who asks it again."""

    def __init__(self, frame: int, reason: str) -> None:
        super().__init__(f"frame {frame}: {reason}")
        self.frame = frame


class NotPainted(StreamError):
    """A frame that had to be painted was not, however often it was sent. `frame` is its number, counted from 0."""

    def __init__(self, frame: int, reason: str) -> None:
        super().__init__(f"frame {frame} was not painted: {reason}")
        self.frame = frame


def from_close(closed: ConnectionClosed) -> StreamError:
    """The exception that a closed connection means."""
    if closed.rcvd is None:
        return Gone("the connection broke without a closing message")
    code, reason = closed.rcvd.code, closed.rcvd.reason
    kinds: dict[int, type[StreamError]] = {
        wire.CLOSE_POLICY: Refused, wire.CLOSE_TOO_BIG: TooBig, wire.CLOSE_FULL: Full, _CLOSE_NORMAL: Ended,
    }  # fmt: skip
    return kinds.get(code, Gone)(reason or f"the server closed the stream with code {code}")


def from_status(failed: InvalidStatus) -> StreamError:
    """The exception that an HTTP answer other than 101 means: the handshake was refused before there was a socket."""
    status = failed.response.status_code
    body = bytes(failed.response.body or b"")[:300].decode(errors="replace")
    reason = f"HTTP {status} {failed.response.reason_phrase}: {body}".rstrip(": ")
    if status in (429, 503):
        wait = failed.response.headers.get("Retry-After", "")
        return Full(f"{reason} (try again in {wait} s)" if wait.isdigit() else reason)
    return Refused(reason) if 400 <= status < 500 else Gone(reason)
