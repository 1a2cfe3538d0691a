"""Starting and stopping: nobody is left hanging, and what is wrong is said in one line."""

import asyncio
import signal
import socket
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

PATH = "/v1/images/generations"
BUSY = 15.0
"""Seconds by which a busy machine may be late."""


async def _closed(user: Any) -> int | None:
    """Read until the server closes; the code."""
    try:
        while True:
            await user.next()
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else None


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
async def test_stop(start: Any, encoded: Any, how: signal.Signals) -> None:
    """Told to stop, the server closes live users with 1012 and ends within its grace, with status 0 and no traceback."""
    server = start("--engine", "fake", "--grace", "5")
    async with server.live() as one, server.live() as two:
        await one.params(similarity=None)
        await one.frame(1, encoded())
        began = time.perf_counter()
        stopping = asyncio.ensure_future(asyncio.to_thread(server.stop, how))
        for user in (one, two):
            assert await _closed(user) == 1012
        assert await stopping == 0
    assert time.perf_counter() - began < 5 + BUSY
    assert "Traceback" not in server.said()


@pytest.mark.parametrize("ticks", [(), ("--fake-overlap", "true", "--fake-tick", "0.05")], ids=["one tick", "two at once"])
async def test_a_still_in_flight(start: Any, tmp_path: Path, ticks: tuple[str, ...]) -> None:
    """Stills in flight when the server is told to stop are finished, also those of two ticks at once."""
    gate = tmp_path / "gate"
    server = start("--engine", "fake", "--fake-gate", str(gate), "--batch-sizes", "1", "--grace", "60", *ticks)
    async with server.http() as http:
        asking = asyncio.ensure_future(http.post(PATH, json={"prompt": "x", "n": 2}))
        await server.metric_becomes(2, "allaprima_jobs_in_flight")
        stopping = asyncio.ensure_future(asyncio.to_thread(server.stop))
        await server.port_closed()
        gate.touch()
        response = await asking
        assert response.status_code == 200
        assert len(response.json()["data"]) == 2
    assert await stopping == 0
    assert "Traceback" not in server.said()


async def test_a_still_beyond_the_grace(start: Any) -> None:
    """Stills that cannot be finished within the grace are refused in words, and the server ends all the same."""
    server = start("--engine", "fake", "--fake-tick", "0.5", "--batch-sizes", "1", "--grace", "1")
    async with server.http() as http:
        asking = asyncio.ensure_future(http.post(PATH, json={"prompt": "x", "n": 10}))
        await server.metric_becomes(10, "allaprima_jobs_in_flight")
        began = time.perf_counter()
        assert await asyncio.to_thread(server.stop) == 0
        assert time.perf_counter() - began < 4 + BUSY
        response = await asking
    assert response.status_code == 503
    assert response.json()["error"]["code"] == "shutting_down"
    assert "Traceback" not in server.said()


async def test_whoever_holds_on(start: Any) -> None:
    """Half a header, half a body, half a handshake and a live user who reads nothing do not keep the server from its end."""
    server = start("--engine", "fake", "--grace", "1")
    handshake = (
        b"GET /v1/stream HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
    )
    post = b"POST /v1/images/generations HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    heads = [b"", b"GET / HT", post, post + b'Content-Length: 4000\r\n\r\n{"prompt":', handshake, handshake + b"\r\n"]
    with ExitStack() as held:
        for head in heads:
            held.enter_context(socket.create_connection(("127.0.0.1", server.port))).sendall(head)
        await server.metric_becomes(1, "allaprima_sessions")
        began = time.monotonic()
        assert await asyncio.to_thread(server.stop) == 0
        assert time.monotonic() - began < 1 + 2 + BUSY
    assert "Traceback" not in server.said()


async def test_port_taken(start: Any) -> None:
    """A port that is taken is said in a line, before anything is built, with status 1, and the first server goes on."""
    first = start("--engine", "fake")
    second = start("--engine", "openvino", ready=False, port=first.port)
    assert await asyncio.to_thread(second.process.wait, 30) == 1
    [line] = second.said().splitlines()
    assert line.startswith(f"allaprima: cannot listen on 127.0.0.1:{first.port}: address already in use")
    assert "Traceback" not in second.said()
    async with first.http() as http:
        assert (await http.get("/readyz")).status_code == 200
    assert first.stop() == 0


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (("--engine", "magic"), "no engine named 'magic'; there are: openvino, tensorrt, tensorrt_rtx, torch, fake"),
        (("--student", "nobody"), "no student named 'nobody'; there are: "),
        (("--port", "http"), "--port"),
        (("--batch-sizes", "0"), "--batch-sizes"),
        (("--log-level", "loud"), "--log-level"),
        (("--nonsense", "1"), "unrecognized arguments: --nonsense"),
    ],
)
async def test_wrong_settings(start: Any, flags: tuple[str, ...], says: str) -> None:
    """What is set wrongly is said in words, with status 2."""
    server = start(*flags, ready=False)
    assert await asyncio.to_thread(server.process.wait, 30) == 2
    said = server.said()
    assert says in said
    assert "Traceback" not in said


async def test_an_engine_that_does_not_start(start: Any, tmp_path: Path) -> None:
    """An engine that cannot start ends the process with the reason, status 1, at once."""
    (tmp_path / "file").write_text("in the way")
    server = start("--engine", "openvino", "--cache", str(tmp_path / "file"), ready=False)
    assert await asyncio.to_thread(server.process.wait, 30) == 1
    assert "the engine did not start" in server.said()
    assert "choose another with --cache" in server.said()
    assert "Traceback" not in server.said()
