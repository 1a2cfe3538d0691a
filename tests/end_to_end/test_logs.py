"""What is logged: one line for each end and each no, by name, and none for a frame."""

import asyncio
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

PATH = "/v1/images/generations"


@pytest.fixture(scope="module")
def telling(start: Any) -> Iterator[Any]:
    """A server that logs JSON."""
    server = start("--engine", "fake", "--log-format", "json", "--max-sessions", "2")
    yield server
    assert server.stop() == 0
    assert all(json.loads(line) for line in server.said().splitlines())


def _lines(server: Any, message: str) -> list[dict[str, Any]]:
    return [line for line in map(json.loads, server.said().splitlines()) if line["message"] == message]


async def _line(server: Any, message: str, **fields: Any) -> dict[str, Any]:
    """The one line with that message and those fields."""
    for _ in range(1500):
        found = [line for line in _lines(server, message) if fields.items() <= line.items()]
        if found:
            assert len(found) == 1
            return found[0]
        await asyncio.sleep(0.02)
    pytest.fail(f"no line {message!r} with {fields}:\n{server.said()}")


async def test_a_session(telling: Any, encoded: Any) -> None:
    """At the end of a connection one line says who, how long, and what became of its frames; its frames are no lines."""
    async with telling.live() as user:
        before = len(telling.said().splitlines())
        await user.params(similarity={"threshold": -1, "max_skips": 1})
        kinds = [(await user.paint(number, encoded())).kind for number in range(20)]
        await user.paint(20, b"no image")
        await user.params(strength=5)
        assert len(telling.said().splitlines()) == before
        session = user.ready["name"]
    line = await _line(telling, "session ended", session=session)
    assert (line["level"], line["student"], line["reason"], line["frames"]) == ("info", "embedded", "left", 21)
    assert line["outcomes"] == {"image": kinds.count(1), "repeat": kinds.count(2), "failed": 1}
    assert (line["images"], line["unanswered"], line["errors"]) == (kinds.count(1), 0, 1)
    assert 0 < line["mean_ms"] < 1e3 * line["seconds"]
    assert line["seconds"] > 0
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])


async def test_a_refused_connection(telling: Any) -> None:
    """One line says why, by which API, and where."""
    async with telling.live("?student=nobody", greeted=False) as user:
        with pytest.raises(ConnectionClosed):
            await user.next()
    line = await _line(telling, "refused", api="stream", reason="unknown_student")
    assert line["where"] == "/v1/stream"
    assert "there are: embedded" in line["why"]
    assert line["client"] == "127.0.0.1"


async def test_a_refused_request(telling: Any) -> None:
    """One line says why, by which API, where, and which request."""
    async with telling.http() as http:
        response = await http.post(PATH, json={"prompt": "x", "size": "1x1"}, headers={"X-Request-Id": "mine-1"})
    assert response.status_code == 400
    line = await _line(telling, "refused", request="mine-1")
    assert (line["api"], line["where"], line["reason"], line["code"]) == ("openai", PATH, "unsupported", "invalid_size")


async def test_a_request_that_fails(telling: Any) -> None:
    """The line on a job that failed names the request, and so does the answer."""
    async with telling.http() as http:
        response = await http.post(PATH, json={"prompt": "fake:error"}, headers={"X-Request-Id": "mine-2"})
    assert response.status_code == 500
    assert response.headers["x-request-id"] == response.json()["error"]["request_id"] == "mine-2"
    line = await _line(telling, "a job failed", request="mine-2")
    assert (line["level"], line["logger"], line["code"]) == ("warning", "server.answers", "engine_error")


async def test_a_session_that_fails(telling: Any, encoded: Any) -> None:
    """Of a stream whose frames fail there is one line that names the session, not one a frame."""
    async with telling.live() as user:
        await user.params(prompt="fake:error", similarity=None)
        for number in range(10):
            assert (await user.paint(number, encoded()))["code"] == "engine_error"
        line = await _line(telling, "a job failed", request=user.ready["name"])
    assert line["api"] == "stream"


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/v1/models", "/v1/nothing", "/"])
async def test_every_answer_has_a_name(telling: Any, path: str) -> None:
    """Each answer says its request's name: the client's, or ours, which is never the same twice."""
    async with telling.http() as http:
        named = await http.get(path, headers={"X-Request-Id": "a.b-c_1:2/3+4=~"})
        unnamed = [(await http.get(path)).headers["x-request-id"] for _ in range(2)]
    assert named.headers.get_list("x-request-id") == ["a.b-c_1:2/3+4=~"]
    assert len(set(unnamed)) == 2
    assert all(re.fullmatch("req-[0-9a-f]{24}", name) for name in unnamed)


@pytest.mark.parametrize("name", ["", "a b", "x" * 129, 'a"b', "<script>", "é", "a;b", "a\tb"])
async def test_names_that_are_none(telling: Any, name: str) -> None:
    """A name that is too long, or of characters that do not belong in a log, is not taken over."""
    async with telling.http() as http:
        response = await http.get("/healthz", headers=[(b"x-request-id", name.encode())])
    assert re.fullmatch("req-[0-9a-f]{24}", response.headers["x-request-id"])


async def test_going_away(start: Any) -> None:
    """When the server is told to stop, each live connection's line says so."""
    server = start("--engine", "fake", "--log-format", "json")
    async with server.live() as user, server.live():
        session = user.ready["name"]
        assert await asyncio.to_thread(server.stop) == 0
    assert {line["reason"] for line in _lines(server, "session ended")} == {"shutdown"}
    assert session in {line["session"] for line in _lines(server, "session ended")}


async def test_no_secret_is_said(start: Any) -> None:
    """Neither a session's token nor a key is in the log, by whichever way it is shown, at whatever level."""
    server = start("--engine", "fake", "--log-level", "debug", "--api-keys", "right-key")
    by_header = {"additional_headers": {"Authorization": "Bearer right-key"}}
    async with server.live("?resume=made-up-token", **by_header) as user:
        token = user.ready["session"]
    async with server.live(f"?resume={token}", subprotocols=("allaprima.v1", "bearer.right-key")) as user:
        assert user.ready["session"] == token
    async with server.live(greeted=False, subprotocols=("allaprima.v1", "bearer.wrong-key")):
        pass
    await server.metric_becomes(0, "allaprima_sessions")
    assert server.stop() == 0
    for secret in (token, "made-up-token", "right-key", "wrong-key"):
        assert secret not in server.said()


async def test_nobody_can_fill_the_log(start: Any) -> None:
    """Refusals and ends of connections without number are some lines, and lines that say how many were left out."""
    server = start("--engine", "fake", "--log-format", "json")
    async with server.http() as http:
        for _ in range(60):
            await http.get("/v1/nothing")
    for _ in range(60):
        async with server.live(greeted=False):
            pass
    await server.metric_becomes(60, "allaprima_sessions_ended_total", reason="left")
    assert server.refusals("bad_request") == 60
    assert len(_lines(server, "refused")) <= 20
    assert len(_lines(server, "session ended")) <= 60
    await _line(server, "lines left out", of="refused bad_request", owner="127.0.0.1")
    assert server.stop() == 0


async def test_text_that_is_not_text(telling: Any) -> None:
    """Text that is not UTF-8 closes its connection with 1007, and is the line of a connection's end and no traceback."""
    async with telling.live() as user:
        user.socket.transport.write(b"\x81\x82\x00\x00\x00\x00\xff\xfe")
        with pytest.raises(ConnectionClosed) as closed:
            await user.next()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1007
    assert "exception" not in telling.said()
