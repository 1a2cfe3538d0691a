"""A stream's socket is opened at the right address, with the key, and only by a server that greets."""

from typing import Any

import pytest
from allaprima.address import stream_url
from allaprima.connection import RESUME_WITHIN, backoff, open_stream
from allaprima.errors import Full, Gone, Refused


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
