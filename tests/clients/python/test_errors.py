"""What ends a stream becomes an exception that a caller can tell apart."""

import pytest
from allaprima.errors import Ended, Full, Gone, Refused, TooBig, from_close, from_status
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.frames import Close
from websockets.http11 import Response


@pytest.mark.parametrize(
    ("code", "kind"), [(1008, Refused), (1009, TooBig), (1012, Gone), (1013, Full), (1000, Ended), (1001, Gone), (1011, Gone)]
)
def test_close_codes(code: int, kind: type[Exception]) -> None:
    """Each close code has its exception, which carries the server's reason."""
    error = from_close(ConnectionClosedError(Close(code, "because"), None))
    assert type(error) is kind
    assert error.reason == "because"


def test_broken_connection() -> None:
    """A connection that ends without a closing message is gone."""
    assert isinstance(from_close(ConnectionClosedError(None, None)), Gone)


@pytest.mark.parametrize(
    ("reason", "seconds"), [("full: try again in 2.5 s", 2.5), ("again in 3s", 3.0), ("32 sessions", None)]
)
def test_retry_after(reason: str, seconds: float | None) -> None:
    """A full server's reason gives the seconds to wait when it names them."""
    assert Full(reason).retry_after == seconds


@pytest.mark.parametrize(
    ("status", "kind"), [(401, Refused), (403, Refused), (404, Refused), (429, Full), (503, Full), (500, Gone), (502, Gone)]
)
def test_refused_handshakes(status: int, kind: type[Exception]) -> None:
    """An HTTP answer instead of a socket is told apart by its status."""
    error = from_status(InvalidStatus(Response(status, "No", Headers(), b"not today")))
    assert type(error) is kind
    assert "not today" in error.reason


def test_retry_after_header() -> None:
    """The Retry-After header of a full server's HTTP answer is kept."""
    error = from_status(InvalidStatus(Response(503, "No", Headers({"Retry-After": "7"}), b"")))
    assert isinstance(error, Full)
    assert error.retry_after == 7.0
