"""Connections that do harm, against a whole server with a polite neighbour: they end, and the neighbour is painted for."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

IMAGE = 1
HANDSHAKE = (
    "GET /v1/stream HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


async def _closed(user: Any) -> tuple[int, str]:
    """Code and reason of the close, after whatever comes before it."""
    try:
        while True:
            await user.next()
    except ConnectionClosed as closed:
        return (closed.rcvd.code, closed.rcvd.reason) if closed.rcvd else (1006, "")


@asynccontextmanager
async def _peers(server: Any, *first: bytes) -> AsyncIterator[list[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]:
    """Raw connections, each of which has said so much; those that were cut off at once are not among them."""
    peers = []
    for said in first:
        with suppress(ConnectionError):
            peers.append(await asyncio.open_connection("127.0.0.1", server.port))
            peers[-1][1].write(said)
    yield peers
    for _, writer in peers:
        writer.transport.abort()
        with suppress(ConnectionError):
            await writer.wait_closed()


@pytest.fixture(scope="module")
def hasty(start: Any) -> Any:
    """A server with little patience."""
    limits = ("--first-frame-seconds", "1", "--idle-seconds", "1.5", "--header-seconds", "1", "--body-seconds", "1")
    return start("--engine", "fake", *limits)


async def test_no_first_frame(hasty: Any) -> None:
    """A live user who sends no frame is closed with 4408, whatever else it says; its place is free again."""
    async with hasty.live() as user:
        for seed in range(3):
            await user.params(seed=seed)
            await user.socket.send(b"\x01\x02")
        code, reason = await _closed(user)
    assert code == 4408
    assert "no frame for 1 s" in reason
    await hasty.metric_becomes(0, "allaprima_sessions")
    assert hasty.ended("idle") == 1
    assert hasty.refusals("slow") >= 1


async def test_frames_keep_a_place(hasty: Any, encoded: Any) -> None:
    """Frames keep a place for longer than either limit; once they stop, it is given up."""
    async with hasty.live() as user:
        for number in range(5):
            assert (await user.paint(number, encoded(seed=number))).kind == IMAGE
            await asyncio.sleep(0.5)
        code, reason = await _closed(user)
    assert code == 4408
    assert "no frame for 1.5 s" in reason


async def test_nobody_holds_all_places(start: Any, encoded: Any) -> None:
    """One address has its share of the sessions and no more; with keys each key has."""
    keys = ("--api-keys", "one,two", "--public", "metrics")
    server = start("--engine", "fake", "--max-sessions", "3", "--max-sessions-per-owner", "2", *keys)

    def by(key: str) -> dict[str, Any]:
        return {"subprotocols": ("allaprima.v1", f"bearer.{key}")}

    async with server.live(**by("one")), server.live(**by("one")):
        async with server.live(greeted=False, **by("one")) as third:
            code, reason = await _closed(third)
        assert code == 1013
        assert "one user may have 2 live sessions" in reason
        async with server.live(**by("two")) as other:
            assert (await other.paint(1, encoded())).kind == IMAGE
    await server.metric_becomes(0, "allaprima_sessions")
    async with server.live(**by("one")):
        pass
    server.stop()


async def test_half_of_everything(hasty: Any, encoded: Any) -> None:
    """Half a header, body, handshake and message all end by themselves, while others are served."""
    post = b"POST /v1/images/generations HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    post += b"Content-Length: 9\r\n\r\n"
    halves = [b"GET /hea", post, post + b"{", HANDSHAKE[:-2].encode(), HANDSHAKE.encode() + b"\x82\xfe"]
    async with _peers(hasty, *halves) as peers:
        async with hasty.live() as user:
            assert (await user.paint(1, encoded())).kind == IMAGE
        async with asyncio.timeout(30):
            for reader, _ in peers:
                await reader.read()


async def test_few_places(start: Any, encoded: Any) -> None:
    """Three times as many idle connections as there are places silence nobody; the log and a counter say so."""
    server = start("--engine", "fake", "--max-connections", "40")
    async with server.live() as user, _peers(server, *[b""] * 120):
        async with server.http() as http:
            assert (await http.get("/healthz")).status_code == 200
        assert (await user.paint(1, encoded())).kind == IMAGE
        assert server.refusals("crowded") + server.refusals("flood") >= 70
        assert "--max-connections" in server.said() or not server.refusals("crowded")
    assert server.stop() == 0


async def test_a_flood_beside_a_neighbour(start: Any, encoded: Any) -> None:
    """Pings without end, on a connection that is let in and on one that is refused, are over soon; others are painted for."""
    server = start("--engine", "fake", "--max-sessions", "2")
    handshakes = [HANDSHAKE.encode(), HANDSHAKE.replace("stream", "stream?student=nobody").encode()]

    async def flood(writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while True:
                writer.write((b"\x89\x80abcd" + b"\x8a\x80abcd") * 1000)
                await writer.drain()

    async with server.live() as user, _peers(server, *handshakes) as peers:
        floods = [asyncio.ensure_future(flood(writer)) for _, writer in peers]
        for number in range(20):
            assert (await user.paint(number, encoded(seed=number))).kind == IMAGE
        async with asyncio.timeout(30):
            await asyncio.gather(*floods)
        await server.metric_becomes(1, "allaprima_sessions")
    assert server.refusals("flood") == 1
    assert server.refusals("unknown_student") == 1
    assert "Traceback" not in server.said()
    server.stop()
