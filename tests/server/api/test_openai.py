"""Stills by REST, in one process: what happens between the check at the door and the queue."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from engines.fake_engine import FakeEngine
from engines.student import Student
from server.app import make_app
from server.house import House, build_house
from server.settings import load_settings

PATH = "/v1/images/generations"


@pytest.fixture
async def house(student: Student) -> AsyncIterator[House]:
    """A house whose worker has not started."""
    house = build_house(load_settings({"engine": "fake"}), [(student, lambda say: FakeEngine(student))])
    yield house
    await asyncio.to_thread(house.shut)


@pytest.fixture
async def http(house: House) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(make_app(house))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


async def _started(house: House) -> None:
    house.start()
    for _ in range(1000):
        if house.not_ready() is None:
            return
        await asyncio.sleep(0.01)
    pytest.fail("the worker did not get ready")


def _outcome(house: House, outcome: str) -> float | None:
    return house.metrics.registry.get_sample_value("allaprima_frames_total", {"student": "embedded", "outcome": outcome})


async def test_not_ready(house: House, http: httpx.AsyncClient) -> None:
    """Before the engine is ready a still is a 503 that says when to try again, and no job waits."""
    response = await http.post(PATH, json={"prompt": "x"})
    assert (response.status_code, response.json()["error"]["code"]) == (503, "not_ready")
    assert response.headers["retry-after"]
    assert (await http.get("/readyz")).status_code == 503
    assert (await http.get("/healthz")).status_code == 200
    assert house.students["embedded"].queue.in_flight() == 0


async def test_images(house: House, http: httpx.AsyncClient) -> None:
    """Three images are three jobs, each with its own times."""
    await _started(house)
    body = (await http.post(PATH, json={"prompt": "x", "n": 3})).json()
    assert len(body["data"]) == len(body["timings"]) == 3
    assert _outcome(house, "image") == 3


@pytest.mark.parametrize("count", [1, 3])
async def test_a_queue_that_fills_behind_the_door(house: House, http: httpx.AsyncClient, count: int) -> None:
    """If the queue refuses what the door let in it is one 429 with when to try again, and every job is withdrawn."""
    await _started(house)
    house.students["embedded"].queue.close()
    response = await http.post(PATH, json={"prompt": "x", "n": count})
    assert response.status_code == 429, response.text
    assert response.json()["error"]["code"] == "server_busy"
    assert response.headers["retry-after"] == "1"
    assert _outcome(house, "refused") == 1
    assert house.students["embedded"].queue.in_flight() == 0


async def test_an_error_no_one_thought_of(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a 500 in the same shape, which says nothing of what happened inside."""
    await _started(house)

    def broken(*_: Any) -> Any:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr("server.api.openai._jobs", broken)
    transport = httpx.ASGITransport(make_app(house), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        response = await client.post(PATH, json={"prompt": "x"}, headers={"X-Request-Id": "mine"})
    assert response.status_code == 500
    assert response.headers["x-request-id"] == response.json()["error"]["request_id"] == "mine"
    assert response.json()["error"]["code"] == "internal_error"
    assert "secret" not in response.text
