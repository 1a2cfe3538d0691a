"""Front ends and workers in processes of their own, with a real Redis between them."""

import base64
import signal
from collections.abc import Callable
from typing import Any

import pytest

from benchmarks.redis_server import RedisServer
from tests.server.waiting import until

IMAGE, DROPPED = 1, 3
FAKE = ("--engine", "fake", "--fake-tick", "0.02", "--batch-sizes", "1")

Start = Callable[..., Any]


@pytest.fixture(scope="module")
def worker(start: Start, redis_server: RedisServer) -> Any:
    return start("--queue", redis_server.url, *FAKE, command="worker", ready=False)


@pytest.fixture(scope="module")
def front(start: Start, redis_server: RedisServer, worker: Any) -> Any:
    """A front end that is ready: its worker was started before it."""
    return start("--queue", redis_server.url)


async def test_a_frame_and_a_still(front: Any, worker: Any, encoded: Any) -> None:
    """What one process asks for another paints, live and over REST, and what that took comes back with it."""
    async with front.live("?student=embedded") as user:
        await user.params(prompt="a boat", similarity=None)
        answer = await user.paint(7, encoded())
    assert (answer.id, answer.kind, answer.rows) == (7, IMAGE, 1)
    assert answer.times[2] >= 20_000  # the tick takes 20 ms
    async with front.http() as client:
        reply = (await client.post("/v1/images/generations", json={"prompt": "a boat", "n": 2})).json()
    assert all(base64.b64decode(one["b64_json"]).startswith(b"\x89PNG") for one in reply["data"])
    assert reply["timings"][0]["engine"] >= 0.02
    assert worker.metric("allaprima_images_total", api="openai") == 2
    assert worker.metric("allaprima_images_total", api="stream") == 1


async def test_a_request_keeps_its_name(front: Any, worker: Any) -> None:
    """What a worker says of a still that fails names the request that the front end was asked with."""
    async with front.http() as client:
        asked = {"prompt": "fake:error"}
        reply = await client.post("/v1/images/generations", json=asked, headers={"X-Request-Id": "mine-123"})
    assert (reply.status_code, reply.headers["X-Request-Id"]) == (500, "mine-123")
    assert "asked to fail" in reply.json()["error"]["message"]
    assert "request=mine-123" in worker.said()


async def test_a_worker_says_how_it_is(worker: Any) -> None:
    """A worker answers whoever runs it, at a port of its own, and nobody else."""
    async with worker.http() as client:
        assert (await client.get("/readyz")).json() == {"status": "ready"}
        assert (await client.get("/healthz")).status_code == 200
        assert (await client.get("/v1/models")).status_code == 404


def test_a_front_end_is_not_told_how_to_paint(start: Start, redis_server: RedisServer) -> None:
    """What is chosen of an engine is refused where there is none."""
    server = start("--queue", redis_server.url, "--engine", "fake", ready=False)
    assert server.process.wait(20) == 2
    assert "give --engine to allaprima worker" in server.said()


def test_a_queue_that_lets_nobody_in(start: Start) -> None:
    """A front end and a worker that the queue does not let in end with one line that says so, without the password."""
    with RedisServer("--requirepass", "right") as redis:
        url = redis.url.replace("//", "//:wrong@")
        servers = [start("--queue", url, ready=False), start("--queue", url, *FAKE, command="worker", ready=False)]
        for server in servers:
            assert server.process.wait(30) == 1
            assert "does not let us in" in server.said()
            assert ":wrong" not in server.said()
            assert "Traceback" not in server.said()


def test_no_queue(start: Start) -> None:
    """A worker without a queue, and an address that is none, are wrong settings."""
    servers = [start(*FAKE, command="worker", ready=False), start("--queue", "http://localhost", ready=False)]
    assert [server.process.wait(30) for server in servers] == [2, 2]
    assert "--queue: name the queue" in servers[0].said()
    assert "a queue is redis://HOST:PORT" in servers[1].said()


async def test_they_end_when_told_to(front: Any, worker: Any) -> None:
    """Both end by a signal, with status 0 and nothing to complain about; a front end without a worker says that it has none."""
    async with front.http() as client:
        assert [model["ready"] for model in (await client.get("/v1/models")).json()["data"]] == [True]
        assert worker.stop(signal.SIGTERM) == 0
        await until(lambda: front.metric("allaprima_queue_workers") == 0, 20)
        assert [model["ready"] for model in (await client.get("/v1/models")).json()["data"]] == [False]
        refused = await client.post("/v1/images/generations", json={"prompt": "a boat"})
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "not_ready")
        assert "no worker serves embedded now" in (await client.get("/readyz")).json()["reason"]
    assert front.stop(signal.SIGTERM) == 0
    for server in (front, worker):
        assert "Traceback" not in server.said()
        assert "Warning" not in server.said()
