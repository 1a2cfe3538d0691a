"""Named keys at the doors: who they are in the log, what they may, and what is said to whom has begun too much."""

import asyncio
import logging
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from server.key_file import make_key, write_keys

from .conftest import client, refusals

PATH = "/v1/images/generations"


@pytest.fixture
def alice(tmp_path: Path) -> tuple[str, Path]:
    """A key that may begin two in an hour, and its file."""
    key, entry = make_key("alice", rate="2/hour")
    write_keys(tmp_path / "keys.json", (entry,))
    return key, tmp_path / "keys.json"


async def ready(server: Any) -> None:
    server.start()
    async with asyncio.timeout(20):
        while server.not_ready() is not None:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_stills_within_a_rate(make: Any, alice: tuple[str, Path], caplog: pytest.LogCaptureFixture) -> None:
    """A key begins as many as it may; the next is a 429 in the API's own shape with a Retry-After, and named in the log."""
    key, file = alice
    app, server = await make(keys_file=str(file))
    await ready(server)
    own = {"Authorization": f"Bearer {key}"}
    async with client(app) as asking:
        assert (await asking.post(PATH, json={"prompt": "x"})).status_code == 401
        assert (await asking.post(PATH, json={"prompt": "x"}, headers={"Authorization": "Bearer wrong"})).status_code == 401
        assert (await asking.post(PATH, json={"prompt": "x", "n": 2}, headers=own)).status_code == 200
        with caplog.at_level(logging.INFO):
            refused: httpx.Response = await asking.post(PATH, json={"prompt": "x"}, headers=own)
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    error = refused.json()["error"]
    assert (error["code"], error["type"]) == ("rate_limit_exceeded", "rate_limit_error")
    assert "2/hour" in error["message"]
    assert refusals(server, "rate") == 1
    assert key not in caplog.text


async def test_live_sessions_within_a_rate(make: Any, alice: tuple[str, Path]) -> None:
    """A live session is begun like an image; coming back to one begins none; the next is closed with when to try again."""
    key, file = alice
    app, server = await make(keys_file=str(file))

    def live() -> tuple[int, str]:
        own = {"Authorization": f"Bearer {key}"}
        with TestClient(app, base_url="http://localhost") as browser:
            while server.not_ready() is not None:
                time.sleep(0.01)
            with browser.websocket_connect("ws://localhost/v1/stream", headers=own) as socket:
                first = socket.receive_json()
            with browser.websocket_connect(f"ws://localhost/v1/stream?resume={first['session']}", headers=own) as socket:
                assert socket.receive_json()["session"] == first["session"]
            with browser.websocket_connect("ws://localhost/v1/stream", headers=own) as socket:
                assert socket.receive_json()["session"] != first["session"]
            with (
                browser.websocket_connect("ws://localhost/v1/stream", headers=own) as socket,
                pytest.raises(WebSocketDisconnect) as closed,
            ):
                socket.receive_json()
        return closed.value.code, closed.value.reason

    code, reason = await asyncio.to_thread(live)
    assert code == 1013
    assert "2/hour" in reason
    assert "try again in" in reason
