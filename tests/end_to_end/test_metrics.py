"""What Prometheus reads from a real server: both formats, every no and every end under its reason, and nothing left over."""

import asyncio
import os
import socket
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.parser import text_string_to_metric_families as text_families
from websockets.exceptions import ConnectionClosed

PATH = "/v1/images/generations"


async def test_formats(server: Any) -> None:
    """Who asks for OpenMetrics gets it, everybody else the text format; either is parsed, and they have the same series."""
    async with server.http() as http:
        text = await http.get("/metrics")
        openmetrics = await http.get("/metrics", headers={"accept": "application/openmetrics-text;version=1.0.0"})
    assert text.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert openmetrics.headers["content-type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    names = [
        {(sample.name, *sorted(sample.labels.items())) for family in families for sample in family.samples}
        for families in (text_families(text.text), text_string_to_metric_families(openmetrics.text))
    ]
    assert names[0] == names[1]


async def _closed(server: Any, query: str = "", **options: Any) -> int:
    async with server.live(query, greeted=False, **options) as user:
        with pytest.raises(ConnectionClosed) as closed:
            await user.next()
    assert closed.value.rcvd is not None
    return int(closed.value.rcvd.code)


async def _unauthorized(server: Any, http: httpx.AsyncClient) -> None:
    await _closed(server)
    await http.post(PATH, json={"prompt": "x"})


async def _protocol(server: Any, _: httpx.AsyncClient) -> None:
    await _closed(server, subprotocols=("allaprima.v2",))
    async with server.live() as user:
        for nonsense in ("nonsense", '{"type":"hello"}', b"\x01"):
            await user.socket.send(nonsense)
            await user.next()


async def _unknown_student(server: Any, http: httpx.AsyncClient) -> None:
    await _closed(server, "?student=nobody")
    await http.post(PATH, json={"prompt": "x", "model": "nobody"})
    await http.get("/v1/models/nobody")


async def _bad_request(server: Any, http: httpx.AsyncClient) -> None:
    await http.post(PATH, json={})
    await http.post(PATH, content=b"{")
    await http.get("/v1/nothing")
    async with server.live() as user:
        await user.params(strength=2)
        await user.paint(1, b"no image")
        await user.params(similarity=None)
        await user.paint(2, b"no image")


async def _unsupported(_: Any, http: httpx.AsyncClient) -> None:
    await http.post(PATH, json={"prompt": "x", "negative_prompt": "rain"})
    await http.post(PATH, json={"prompt": "x", "guidance_scale": 7.5})


async def _too_large(server: Any, http: httpx.AsyncClient) -> None:
    await http.post(PATH, content=b" " * (8 << 20))
    async with server.live() as user:
        with pytest.raises(ConnectionClosed):
            await user.paint(1, bytes(8 << 20))


@pytest.mark.parametrize(
    ("reason", "provoke", "times"),
    [
        ("protocol", _protocol, 4),
        ("unknown_student", _unknown_student, 3),
        ("bad_request", _bad_request, 6),
        ("unsupported", _unsupported, 2),
        ("too_large", _too_large, 2),
    ],
)
async def test_refusals(server: Any, reason: str, provoke: Any, times: int) -> None:
    """Each no is counted once, under its reason."""
    before = server.refusals(reason)
    async with server.http() as http:
        await provoke(server, http)
    await server.metric_becomes(before + times, "allaprima_refusals_total", reason=reason)


async def test_refusals_at_the_door(start: Any) -> None:
    """Wrong keys and too many users are counted too; who watches over the server is refused nothing."""
    server = start("--engine", "fake", "--api-keys", "right", "--max-sessions", "1", "--public", "metrics")
    key = {"additional_headers": {"Authorization": "Bearer right"}}
    async with server.http() as http:
        await _unauthorized(server, http)
        async with server.live(**key):
            assert await _closed(server, **key) == 1013
    await server.metric_becomes(2, "allaprima_refusals_total", reason="unauthorized")
    await server.metric_becomes(1, "allaprima_refusals_total", reason="full")
    assert server.stop() == 0


async def test_ends(server: Any, encoded: Any) -> None:
    """A connection that is closed, one that breaks, and one that speaks nonsense end each in its own way."""
    before = {how: server.ended(how) for how in ("left", "lost", "protocol", "error")}
    async with server.live() as user:
        await user.paint(1, encoded())
    async with server.live() as user:
        await user.socket.close(1001)
    async with server.live() as user:
        await user.frame(1, encoded())
        user.socket.transport.abort()
    async with server.live() as user:
        user.socket.transport.write(b"\xff" * 100)
        with pytest.raises(ConnectionClosed):
            await user.next()
    await server.metric_becomes(before["protocol"] + 1, "allaprima_sessions_ended_total", reason="protocol")
    await server.metric_becomes(before["left"] + 2, "allaprima_sessions_ended_total", reason="left")
    await server.metric_becomes(before["lost"] + 1, "allaprima_sessions_ended_total", reason="lost")
    assert server.ended("error") == before["error"]


async def test_nothing_is_left_over(server: Any, encoded: Any) -> None:
    """However many come and go, in whatever way, the series are the same ones and the gauges fall back to 0."""

    def series() -> set[str]:
        return {line.rsplit(" ", 1)[0] for line in server.metrics().splitlines() if not line.startswith("#")}

    before = series()
    for number in range(30):
        async with server.live() as user:
            await user.params(prompt=f"user {number}", similarity=None)
            await user.frame(1, encoded(seed=number))
            if number % 3 == 0:
                await user.next()
            if number % 3 == 1:
                user.socket.transport.abort()
    for gauge in ("allaprima_sessions", "allaprima_jobs_in_flight", "allaprima_jobs_waiting"):
        await server.metric_becomes(0, gauge)
    assert series() == before


async def test_a_worker(start: Any) -> None:
    """The worker is up, the version is told, and the process is described."""
    server = start("--engine", "fake")
    assert server.metric("allaprima_worker_up", student="embedded") == 1
    assert server.metric("allaprima_build_info", version=r"0.1.0") == 1
    assert server.metric("process_open_fds") > 3
    assert server.metric("allaprima_event_loop_tasks") >= 1
    assert server.stop() == 0


async def test_the_multi_process_folder_of_others(start: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a folder for several processes' values is set, even one that is not there, the server counts in memory."""
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path / "nowhere"))
    server = start("--engine", "fake")
    async with server.http() as http:
        assert (await http.post(PATH, json={"prompt": "x"})).status_code == 200
    assert server.outcome("image") == 1
    assert server.stop() == 0
    assert os.listdir(tmp_path) == []


async def test_a_scrape_holds_nobody_up(server: Any, encoded: Any) -> None:
    """While somebody asks for the metrics without pause, a user's images come as they would."""

    async def scrape(http: httpx.AsyncClient) -> None:
        while True:
            assert (await http.get("/metrics")).status_code == 200

    async with server.http() as http, server.live() as user:
        await user.params(similarity=None)
        scraping = [asyncio.ensure_future(scrape(http)) for _ in range(2)]
        loop, slowest = asyncio.get_running_loop(), 0.0
        for number in range(50):
            began = loop.time()
            assert (await user.paint(number, encoded(seed=number))).kind == 1
            slowest = max(slowest, loop.time() - began)
        for task in scraping:
            task.cancel()
        await asyncio.wait(scraping)
    assert slowest < 1.0


def test_a_scraper_that_hangs_up(server: Any) -> None:
    """One that asks and does not wait for the answer leaves no trace."""
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", server.port)) as hasty:
            hasty.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert server.metric("process_open_fds") < 100
