"""HTTP connections: slow, endless, malformed and unread ones end, are counted, and are told why where that can be."""

import asyncio
import socket
from typing import Any

import pytest

from server.transport import keep_little
from server.types import Refusal

GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n"
POST = b"POST / HTTP/1.1\r\nHost: localhost\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"


async def answer(send: Any, body: bytes = b"done", status: int = 200) -> None:
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def at_once(scope: Any, receive: Any, send: Any) -> None:
    """An app that answers without reading the body."""
    await answer(send, status=413 if scope["method"] == "POST" else 200)


async def after_body(scope: Any, receive: Any, send: Any) -> None:
    """An app that reads the body first."""
    while (message := await receive()).get("more_body"):
        pass
    if message["type"] == "http.request":
        await answer(send)


async def test_a_request(serve: Any) -> None:
    """Requests come through, one after the other on one connection, whole or in bits."""
    here = await serve(after_body)
    async with here.peer() as peer:
        for _ in range(3):
            await peer.send(POST + b"Content-Length: 5\r\n\r\nhe")
            await asyncio.sleep(0.01)
            await peer.send(b"llo")
            assert (await peer.until(b"done")).startswith(b"HTTP/1.1 200")
    await here.empty()
    assert here.refusals == []


@pytest.mark.parametrize("sent", [b"G", GET, GET + b"X-A: b\r\n"])
async def test_half_a_header(serve: Any, sent: bytes) -> None:
    """A header that does not come to its end in time is a 408, also when more of it keeps coming."""
    here = await serve(at_once, header_seconds=0.3)
    async with here.peer() as peer:
        await peer.send(sent)

        async def trickle() -> None:
            while True:
                await asyncio.sleep(0.05)
                await peer.send(b"a")

        trickling = asyncio.ensure_future(trickle())
        got = await peer.all()
        trickling.cancel()
        await asyncio.gather(trickling, return_exceptions=True)
    assert got.startswith(b"HTTP/1.1 408")
    assert b"0.3 s" in got
    assert here.reasons() == [Refusal.SLOW]
    await here.empty()


async def test_a_silent_connection(serve: Any) -> None:
    """A connection on which nothing is said, as browsers keep in reserve, is closed and no refusal."""
    here = await serve(at_once, header_seconds=0.3)
    async with here.peer() as peer:
        assert await peer.all() == b""
    assert here.refusals == []
    await here.empty()


async def test_kept_alive(serve: Any) -> None:
    """Between two requests a connection may be idle as long as it is kept alive; the next header has its own time."""
    here = await serve(at_once, header_seconds=0.3, keep_alive=60)
    async with here.peer() as peer:
        await peer.send(GET + b"\r\n")
        await peer.until(b"done")
        await asyncio.sleep(0.8)
        await peer.send(GET)
        await asyncio.sleep(0.05)
        await peer.send(b"\r\n")
        assert (await peer.until(b"done")).startswith(b"HTTP/1.1 200")
        await peer.send(GET)
        assert (await peer.all()).startswith(b"HTTP/1.1 408")


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (GET + b"a:\r\n" * 200 + b"\r\n", b"431"),
        (GET + b"a: " + b"x" * 100_000 + b"\r\n\r\n", b"431"),
        (GET + b"a:\r\n" * 100_000 + b"\r\n", b"431"),
        (POST + CHUNKED + b"1\r\nx\r\n" * 100_000, b"400"),
        (POST + CHUNKED + b"zz\r\n", b"400"),
        (POST + b"Content-Length: minus\r\n\r\n", b"400"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"400"),
    ],
    ids=["headers", "header", "many", "chunks", "chunk", "length", "TLS"],
)
async def test_malformed(serve: Any, sent: bytes, status: bytes) -> None:
    """What is not HTTP, or too much of it, is told so in one answer, ends the connection, and is counted once."""
    here = await serve(after_body)
    async with here.peer() as peer:
        sending = asyncio.ensure_future(peer.send(sent))
        got = await peer.all()
        await asyncio.gather(sending, return_exceptions=True)
    assert got.startswith(b"HTTP/1.1 " + status)
    assert got.count(b"HTTP/1.1") == 1
    assert here.reasons() == [Refusal.BAD_REQUEST]
    await here.empty()


async def test_malformed_in_the_middle_of_an_answer(serve: Any) -> None:
    """A body that goes wrong after the answer has begun ends the connection and nothing else."""
    begun = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"10")]})
        begun.set()
        await receive()
        await send({"type": "http.response.body", "body": b"0123456789"})

    here = await serve(app)
    async with here.peer() as peer:
        await peer.send(POST + CHUNKED)
        await begun.wait()
        await peer.send(b"not a chunk\r\n")
        await peer.all()
    await here.empty()


@pytest.mark.parametrize("more", [b"", b"Connection: close\r\n"])
async def test_an_answer_reaches_who_is_still_sending(serve: Any, more: bytes) -> None:
    """Whoever is answered while it sends a large body gets the whole answer, after it has sent everything."""
    here = await serve(at_once)
    body = b"x" * (8 << 20)
    async with here.peer() as peer:
        await peer.send(POST + more + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        got = await peer.all()
    assert got.startswith(b"HTTP/1.1 413")
    assert b"connection: close" in got.lower()
    assert got.endswith(b"done")
    await here.empty()


async def test_a_body_without_end(serve: Any) -> None:
    """A body that goes on after its answer is thrown away for a while; then the connection is cut off."""
    here = await serve(at_once)

    async def for_ever(peer: Any) -> None:
        while True:
            await peer.send(b"1000\r\n" + b"x" * 4096 + b"\r\n")

    async with here.peer() as peer:
        await peer.send(POST + CHUNKED)
        assert (await peer.until(b"done")).startswith(b"HTTP/1.1 413")
        with pytest.raises(ConnectionError):
            await for_ever(peer)
    await here.empty()


async def test_an_answer_that_is_not_read(serve: Any) -> None:
    """Whoever asks for much and reads nothing is cut off, and its request ends."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        gone = asyncio.ensure_future(receive())
        while not gone.done():
            await send({"type": "http.response.body", "body": bytes(1 << 20), "more_body": True})
            await asyncio.sleep(0)

    here = await serve(app, stall_seconds=0.5)
    async with here.peer(limit=1024) as peer:
        await peer.send(GET + b"\r\n")
        await here.becomes(lambda: Refusal.SLOW in here.reasons())
        await here.empty()


async def test_a_slow_reader_is_none(serve: Any) -> None:
    """Whoever reads slowly, but reads, gets everything."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await answer(send, bytes(4 << 20))

    here = await serve(app, stall_seconds=0.3)
    async with here.peer(limit=1024) as peer:
        await peer.send(GET + b"Connection: close\r\n\r\n")
        got = 0
        async with asyncio.timeout(60):
            while part := await peer.reader.read(1 << 16):
                got += len(part)
                await asyncio.sleep(0.02)
    assert got > 4 << 20
    assert here.refusals == []


async def test_no_room(serve: Any) -> None:
    """With no place left and nobody idle, the next one is told so; when one is idle, it gives way."""
    gate = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await gate.wait()
        await answer(send)

    here = await serve(app, connections=2)
    async with here.peer() as one, here.peer() as two:
        await one.send(GET + b"\r\n")
        await two.send(GET + b"\r\n")
        await here.becomes(lambda: len(here.state.tasks) == 2)
        async with here.peer() as three:
            assert (await three.all()).startswith(b"HTTP/1.1 503")
        gate.set()
        for peer in (one, two):
            await peer.until(b"done")
        async with here.peer() as four:
            await four.send(GET + b"\r\n")
            await four.until(b"done")
    assert Refusal.CROWDED in here.reasons()


@pytest.mark.parametrize("upgrade", [b"h2c", b"TLS/1.0", b"x" * 1000])
async def test_unknown_upgrades(serve: Any, upgrade: bytes) -> None:
    """An upgrade to what is not spoken here is not taken up, and no news."""
    here = await serve(at_once)
    async with here.peer() as peer:
        await peer.send(GET + b"Connection: Upgrade\r\nUpgrade: " + upgrade + b"\r\n\r\n")
        assert (await peer.until(b"done")).startswith(b"HTTP/1.1 200")


async def test_requests_in_a_row(serve: Any) -> None:
    """Requests that are sent without waiting for answers are answered one after the other."""
    here = await serve(at_once)
    async with here.peer() as peer:
        await peer.send((GET + b"\r\n") * 50)
        for _ in range(50):
            await peer.until(b"done")


async def test_requests_that_pile_up(serve: Any) -> None:
    """Requests sent behind one that is slow are kept up to a size, also while the app listens whether its client is there."""
    gone = asyncio.Event()

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        gone.set()

    here = await serve(slow)
    async with here.peer() as peer:

        async def pile_up() -> None:
            while True:
                await peer.send((GET + b"\r\n") * 100)

        piling = asyncio.ensure_future(pile_up())
        async with asyncio.timeout(30):
            await gone.wait()
        piling.cancel()
        await asyncio.gather(piling, return_exceptions=True)
    assert here.reasons() == [Refusal.FLOOD]
    await here.empty()


async def test_little_is_kept_for_who_is_slow(serve: Any) -> None:
    """For who is to see what is new, the system keeps little; and whose connection has just ended is no trouble."""
    sizes: list[int] = []
    gone = asyncio.Event()

    async def newest(scope: Any, receive: Any, send: Any) -> None:
        own = scope["extensions"]["allaprima.http"]["protocol"].transport.get_extra_info("socket")
        sizes.append(own.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF))
        keep_little(scope)
        sizes.append(own.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF))
        await answer(send)
        while (await receive())["type"] != "http.disconnect":
            pass
        keep_little(scope)
        gone.set()

    here = await serve(newest)
    async with here.peer() as peer:
        await peer.send(GET + b"\r\n")
        await peer.until(b"done")
    async with asyncio.timeout(20):
        await gone.wait()
    assert sizes[1] <= 256 << 10
    keep_little({"type": "http"})  # on another server
