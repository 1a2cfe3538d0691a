"""Admission: who is refused, why, and when to try again."""

import asyncio
from pathlib import Path
from typing import Any

import openai
import pytest
from websockets.exceptions import ConnectionClosed

from .conftest import PATIENCE

PATH = "/v1/images/generations"
IMAGE = 1


async def _closed(server: Any, query: str = "", **options: Any) -> tuple[int, str]:
    """The close of a connection that is refused."""
    async with server.live(query, greeted=False, **options) as user:
        with pytest.raises(ConnectionClosed) as closed:
            await user.next()
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code, closed.value.rcvd.reason


async def test_sessions_full(start: Any, encoded: Any) -> None:
    """One session too many is closed with 1013 and when to try again; the others go on, and a place that is free is given."""
    server = start("--engine", "fake", "--max-sessions", "2")
    async with server.live() as one:
        async with server.live():
            code, reason = await _closed(server)
            assert code == 1013
            assert "2 live sessions" in reason
            assert "try again in 10 seconds" in reason
            assert (await one.paint(1, encoded())).kind == IMAGE
            assert (server.metric("allaprima_sessions"), server.metric("allaprima_sessions_limit")) == (2, 2)
        await server.metric_becomes(1, "allaprima_sessions")
        async with server.live() as three:
            assert (await three.paint(1, encoded())).kind == IMAGE
    server.stop()


async def test_stills_full(start: Any, encoded: Any, tmp_path: Path) -> None:
    """One still too many is a 429 with Retry-After, before any work; those admitted are painted, and live users go on."""
    gate = tmp_path / "gate"
    room = ("--max-waiting", "4", "--max-waiting-per-owner", "4", "--frame-deadline", "60")
    server = start("--engine", "fake", *room, "--fake-gate", str(gate), "--batch-sizes", "1")
    async with server.http() as http:
        waiting = asyncio.ensure_future(http.post(PATH, json={"prompt": "x", "n": 4}))
        await server.metric_becomes(4, "allaprima_jobs_in_flight")
        assert (server.metric("allaprima_stills"), server.metric("allaprima_stills_limit")) == (4, 4)
        refused = await http.post(PATH, json={"prompt": "x"})
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) >= 1
        assert refused.json()["error"]["type"] == "rate_limit_error"
        assert "try again" in refused.json()["error"]["message"]
        assert server.outcome("refused") == 1
        async with server.live() as user:
            await user.frame(1, encoded())
            gate.touch()
            assert (await user.next()).kind == IMAGE
        assert len((await waiting).json()["data"]) == 4
        assert server.metric("allaprima_stills") == 0
        assert (await http.post(PATH, json={"prompt": "x"})).status_code == 200
        too_many = await http.post(PATH, json={"prompt": "x", "n": 5})
        assert (too_many.status_code, too_many.json()["error"]["param"]) == (400, "n")
    server.stop()


async def test_stills_too_late(start: Any, tmp_path: Path) -> None:
    """A still that cannot be painted in time is a 503 that says so."""
    gate = tmp_path / "gate"
    server = start("--engine", "fake", "--fake-gate", str(gate), "--batch-sizes", "1", "--still-deadline", "0.4")
    async with server.http() as http:
        asking = asyncio.ensure_future(http.post(PATH, json={"prompt": "x", "n": 4}))
        # behind a tick that does not end, those that the worker has not taken are given up in time, on a busy machine all
        async with asyncio.timeout(PATIENCE):
            while await asyncio.to_thread(server.outcome, "dropped_late") < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        gate.touch()
        response = await asking
    assert response.status_code == 503
    assert response.json()["error"]["code"] == "timeout"
    assert "0.4 s" in response.json()["error"]["message"]
    assert "retry-after" in response.headers
    server.stop()


@pytest.fixture(scope="module")
def guarded(start: Any) -> Any:
    """A server that wants a key."""
    return start("--engine", "fake", "--api-keys", "right,other.key-2", "--public", "metrics")


@pytest.mark.parametrize("subprotocols", [("allaprima.v1", "bearer.right"), ("bearer.other.key-2", "allaprima.v1")])
async def test_key_by_subprotocol(guarded: Any, encoded: Any, subprotocols: tuple[str, ...]) -> None:
    """A browser's key, among its subprotocols, opens; the server picks the protocol and does not send the key back."""
    async with guarded.live(subprotocols=subprotocols) as user:
        assert user.socket.subprotocol == "allaprima.v1"
        assert (await user.paint(1, encoded())).kind == IMAGE


@pytest.mark.parametrize("key", ["right", "other.key-2"])
async def test_key_by_header(guarded: Any, encoded: Any, key: str) -> None:
    """A program's key, in a header, opens."""
    async with guarded.live(additional_headers={"Authorization": f"Bearer {key}"}) as user:
        assert (await user.paint(1, encoded())).kind == IMAGE


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({}, "wants a key"),
        ({"subprotocols": ()}, "wants a key"),
        ({"additional_headers": {"Authorization": "Bearer wrong"}}, "key is wrong"),
        ({"additional_headers": {"Authorization": "Basic right"}}, "wants a key"),
        ({"subprotocols": ("allaprima.v1", "bearer.wrong")}, "key is wrong"),
        ({"subprotocols": ("bearer.wrong",)}, "key is wrong"),
    ],
)
async def test_wrong_key_live(guarded: Any, options: Any, says: str) -> None:
    """Without the right key the connection is closed with 1008 and a reason, and no session begins."""
    code, reason = await _closed(guarded, **options)
    assert code == 1008
    assert says in reason
    assert guarded.metric("allaprima_sessions") == 0


@pytest.mark.parametrize("header", [None, "Bearer wrong", "Bearer", "Basic right", "Bearer \xff"])
@pytest.mark.parametrize(("method", "path"), [("POST", PATH), ("GET", "/v1/models"), ("GET", "/v1/models/embedded")])
async def test_wrong_key_rest(guarded: Any, header: str | None, method: str, path: str) -> None:
    """Without the right key every API route is a 401 in OpenAI's shape, whatever else is wrong."""
    headers = [] if header is None else [("authorization", header.encode("latin-1"))]
    async with guarded.http() as http:
        response = await http.request(method, path, headers=headers, json={"prompt": "x"} if method == "POST" else None)
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    error = response.json()["error"]
    assert (error["type"], error["code"]) == ("authentication_error", "invalid_api_key")
    assert "right" not in error["message"]


async def test_right_key_rest(guarded: Any) -> None:
    """OpenAI's own package opens with its api_key, and is refused without."""
    async with openai.AsyncOpenAI(base_url=f"{guarded.url}/v1", api_key="right", max_retries=0) as client:
        assert (await client.images.generate(prompt="a boat")).data
    async with openai.AsyncOpenAI(base_url=f"{guarded.url}/v1", api_key="wrong", max_retries=0) as client:
        with pytest.raises(openai.AuthenticationError, match="key is wrong"):
            await client.images.generate(prompt="a boat")


async def test_health_wants_no_key(guarded: Any) -> None:
    """Whoever watches over the server needs no key."""
    async with guarded.http() as http:
        for path in ("/healthz", "/readyz", "/metrics"):
            assert (await http.get(path)).status_code == 200


@pytest.mark.parametrize(
    ("query", "options", "says"),
    [
        ("?student=nobody", {}, "there are: embedded"),
        ("?student=", {}, "there are: embedded"),
        ("", {"subprotocols": ("allaprima.v2",)}, "speaks the subprotocol allaprima.v1"),
        ("", {"subprotocols": ("chat", "superchat")}, "speaks the subprotocol allaprima.v1"),
    ],
)
async def test_wrong_student_or_protocol(server: Any, query: str, options: Any, says: str) -> None:
    """A student or a protocol that is not here closes with 1008 and what there is."""
    code, reason = await _closed(server, query, **options)
    assert code == 1008
    assert says in reason


async def test_student_by_name(server: Any) -> None:
    """The student that is here may be named."""
    async with server.live("?student=embedded") as user:
        assert user.ready["student"] == "embedded"
