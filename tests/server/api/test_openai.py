"""Stills by REST, in one process: what happens between the check at the door and the queue."""

import asyncio
import base64
import threading
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from engines.fake_engine import FakeEngine
from engines.student import Student
from server.api import openai
from server.app import make_app
from server.server import Server, build_server
from server.settings import load_settings

PATH = "/v1/images/generations"


@pytest.fixture
async def server(student: Student) -> AsyncIterator[Server]:
    """A server whose worker has not started."""
    server = build_server(load_settings({"engine": "fake"}), [(student, lambda say: FakeEngine(student))])
    yield server
    await asyncio.to_thread(server.shut)


@pytest.fixture
async def http(server: Server) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(make_app(server))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client


async def _started(server: Server) -> None:
    server.start()
    for _ in range(1000):
        if server.not_ready() is None:
            return
        await asyncio.sleep(0.01)
    pytest.fail("the worker did not get ready")


def _outcome(server: Server, outcome: str) -> float | None:
    return server.metrics.registry.get_sample_value("allaprima_frames_total", {"student": "embedded", "outcome": outcome})


async def test_not_ready(server: Server, http: httpx.AsyncClient) -> None:
    """Before the engine is ready a still is a 503 that says when to try again, and no job waits."""
    response = await http.post(PATH, json={"prompt": "x"})
    assert (response.status_code, response.json()["error"]["code"]) == (503, "not_ready")
    assert response.headers["retry-after"]
    assert (await http.get("/readyz")).status_code == 503
    assert (await http.get("/healthz")).status_code == 200
    assert server.students["embedded"].queue.in_flight() == 0


async def test_images(server: Server, http: httpx.AsyncClient) -> None:
    """Three images are three jobs, each with its own times."""
    await _started(server)
    body = (await http.post(PATH, json={"prompt": "x", "n": 3})).json()
    assert len(body["data"]) == len(body["timings"]) == 3
    assert len({one["seed"] for one in body["data"]}) == 3
    assert all(base64.b64decode(one["b64_json"]).startswith(b"\x89PNG") for one in body["data"])
    assert (body["output_format"], body["size"]) == ("png", "256x256")
    assert _outcome(server, "image") == 3


async def test_megabytes_are_written_elsewhere(
    server: Server, http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer, of whatever size, is not written on the event loop's thread."""
    threads: list[int] = []

    def answer(*_: Any) -> bytes:
        threads.append(threading.get_ident())
        return b"{}"

    monkeypatch.setattr(openai, "_answer", answer)
    await _started(server)
    assert (await http.post(PATH, json={"prompt": "x"})).json() == {}
    assert threads
    assert threading.get_ident() not in threads


@pytest.mark.parametrize("count", [1, 3])
async def test_a_queue_that_fills_behind_the_door(
    server: Server, http: httpx.AsyncClient, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the queue refuses what the door let in it is one 429 with when to try again, and every job is withdrawn."""
    await _started(server)
    monkeypatch.setattr(server.students["embedded"].queue, "_capacity", 0)
    response = await http.post(PATH, json={"prompt": "x", "n": count})
    assert response.status_code == 429, response.text
    assert response.json()["error"]["code"] == "server_busy"
    assert response.headers["retry-after"] == "1"
    assert _outcome(server, "refused") == 1
    assert server.students["embedded"].queue.in_flight() == 0


async def test_an_error_no_one_thought_of(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a 500 in the same shape, which says nothing of what happened inside."""
    await _started(server)

    def broken(*_: Any) -> Any:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(server.stills, "_jobs", broken)
    transport = httpx.ASGITransport(make_app(server), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        response = await client.post(PATH, json={"prompt": "x"}, headers={"X-Request-Id": "mine"})
    assert response.status_code == 500
    assert response.headers["x-request-id"] == response.json()["error"]["request_id"] == "mine"
    assert response.json()["error"]["code"] == "internal_error"
    assert "secret" not in response.text


async def test_a_queue_that_is_closed(server: Server, http: httpx.AsyncClient) -> None:
    """What comes while the server ends is told so, and not that there is no room."""
    await _started(server)
    server.students["embedded"].queue.close()
    response = await http.post(PATH, json={"prompt": "x", "n": 2})
    assert (response.status_code, response.json()["error"]["code"]) == (503, "shutting_down")
