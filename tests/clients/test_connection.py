"""A stream's socket is opened at the right address, with the key, and only by a server that greets."""

from typing import Any

import pytest

from clients.connection import RESUME_WITHIN, backoff, open_stream, stream_url
from clients.errors import Full, Gone, Refused


@pytest.mark.parametrize(
    ("given", "opened"),
    [
        ("ws://host:1", "ws://host:1/v1/stream"),
        ("http://host/", "ws://host/v1/stream"),
        ("https://host", "wss://host/v1/stream"),
        ("ws://host/behind/a/proxy?student=other", "ws://host/behind/a/proxy?student=other"),
    ],
)
def test_addresses(given: str, opened: str) -> None:
    """A bare host gets the path of the protocol, and any other address is kept."""
    assert stream_url(given) == opened


def test_address_options() -> None:
    """Student and session join the query."""
    assert stream_url("ws://h", "embedded", "abc") == "ws://h/v1/stream?student=embedded&resume=abc"


def test_backoff_is_bounded() -> None:
    """The first attempt is at once, and all of them together take no longer than the server remembers."""
    delays = list(backoff())
    assert delays[0] == 0
    assert RESUME_WITHIN - 5 <= sum(delays) <= RESUME_WITHIN
    assert max(delays) == 5


async def test_the_key_is_sent(standing_in: Any) -> None:
    """A key goes into the Authorization header, where no log of addresses has it."""
    async with standing_in() as server:
        socket, ready = await open_stream(stream_url(server.url), "secret", 5)
        await socket.close()
    assert {name.lower(): value for name, value in server.headers[0].items()}["authorization"] == "Bearer secret"
    assert ready["window"] == 2
    assert socket.subprotocol == "allaprima.v1"


async def test_nobody_there() -> None:
    """An address where nobody listens is gone, with the address in the reason."""
    with pytest.raises(Gone, match=r"127\.0\.0\.1:1/"):
        await open_stream("ws://127.0.0.1:1/", None, 5)


async def test_a_silent_server(standing_in: Any) -> None:
    """A server that never greets is given up after the timeout."""
    async with standing_in(greet=False) as server:
        with pytest.raises(Gone, match="said nothing"):
            await open_stream(stream_url(server.url), None, 0.1)


async def test_closed_instead_of_greeted(standing_in: Any) -> None:
    """A server that closes first says with its code why."""
    async with standing_in(close_first=(1013, "full: try again in 4 s")) as server:
        with pytest.raises(Full) as caught:
            await open_stream(stream_url(server.url), None, 5)
    assert caught.value.retry_after == 4
    async with standing_in(close_first=(1008, "unknown key")) as server:
        with pytest.raises(Refused, match="unknown key"):
            await open_stream(stream_url(server.url), None, 5)
