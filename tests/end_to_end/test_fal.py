"""fal's realtime shape on a real server, by messages of their protocol: its beginnings, its faults and its ends."""

import asyncio
import io
import json
from contextlib import asynccontextmanager
from typing import Any

import msgpack
import pytest
from PIL import Image
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

PATIENCE = 30


@pytest.fixture(scope="module")
def own(start: Any) -> Any:
    """A server with a key, and names by which fal's clients know others."""
    flags = (
        "--engine",
        "fake",
        "--fake-tick",
        "0.002",
        "--api-keys",
        "right",
        "--public",
        "metrics",
        "--alias",
        "fal-ai/fast-lcm-diffusion=embedded",
    )
    return start(*flags, "--max-sessions", "4", "--first-frame-seconds", "3", "--idle-seconds", "3")


@asynccontextmanager
async def realtime(server: Any, app: str = "me/embedded", key: str | None = "right", query: str = "") -> Any:
    headers = {"Authorization": f"Key {key}"} if key else {}
    url = f"ws://127.0.0.1:{server.port}/{app}/realtime{query}"
    async with connect(url, additional_headers=headers, proxy=None, max_size=None) as socket:
        yield socket


async def ask(socket: Any, **values: Any) -> Any:
    await socket.send(msgpack.packb(values))
    return await heard(socket)


async def heard(socket: Any) -> Any:
    async with asyncio.timeout(PATIENCE):
        message = await socket.recv()
    return json.loads(message) if isinstance(message, str) else msgpack.unpackb(message)


async def test_pictures(own: Any, encoded: Any) -> None:
    """One message, one answer: from a prompt, and from a picture; the app's name is a student's or an alias."""
    for app in ("me/embedded", "fal-ai/fast-lcm-diffusion", "me/embedded/image-to-image"):
        async with realtime(own, app, query="?max_buffering=3") as socket:
            answer = await ask(socket, prompt="a boat", seed=7, image_size="square", request_id="1")
            [image] = answer["images"]
            assert Image.open(io.BytesIO(image["content"])).size == (image["width"], image["height"]) == (512, 512)
            assert (answer["seed"], answer["request_id"]) == (7, "1")
            again = await ask(socket, prompt="a boat", seed=7, image_bytes=encoded(), strength=0.5)
            assert again["images"][0]["content"] != image["content"]


async def test_faults(own: Any) -> None:
    """What is wrong with a message is said, and the connection goes on."""
    async with realtime(own) as socket:
        await socket.send("text")
        assert (await heard(socket))["error"] == "INVALID_MESSAGE"
        for wrong, error, says in (
            ({"prompt": 5}, "INVALID_INPUT", "prompt"),
            ({"prompt": "x" * 3000}, "INVALID_INPUT", "the most taken here is 2000"),
            ({"image_bytes": b"none"}, "BAD_IMAGE", ""),
            ({"prompt": "fake:error"}, "ENGINE_ERROR", ""),
        ):
            said = await ask(socket, **wrong)
            assert (said["type"], said["error"]) == ("x-fal-error", error)
            assert says in said["reason"]
        assert "images" in await ask(socket, prompt="x")


@pytest.mark.parametrize(
    ("app", "key", "query", "error", "close", "says"),
    [
        ("me/embedded", None, "", "Unauthorized", 1008, "wants a key"),
        ("me/embedded", "wrong", "", "Unauthorized", 1008, "key is wrong"),
        ("me/embedded", None, "?fal_jwt_token=wrong", "Unauthorized", 1008, "key is wrong"),
        ("fal-ai/other", "right", "", "NOT_FOUND", 1008, "--alias fal-ai/other=NAME"),
    ],
)
async def test_turned_away(own: Any, app: str, key: str | None, query: str, error: str, close: int, says: str) -> None:
    """Who may not come in is told why in a message, and by a close."""
    async with realtime(own, app, key, query) as socket:
        said = await heard(socket)
        assert (said["error"], said["type"]) == (error, "x-fal-error")
        assert says in said["reason"]
        with pytest.raises(ConnectionClosed) as closed:
            await heard(socket)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == close


async def test_a_key_in_the_address(own: Any) -> None:
    """Browsers show a key as their token."""
    async with realtime(own, key=None, query="?fal_jwt_token=right") as socket:
        assert "images" in await ask(socket, prompt="x")


async def test_no_room(own: Any) -> None:
    """One owner has three quarters of the connections."""
    async with realtime(own) as one, realtime(own) as two, realtime(own) as three:
        for socket in (one, two, three):
            assert "images" in await ask(socket, prompt="x")
        async with realtime(own) as socket:
            assert (await heard(socket))["error"] == "FULL"


async def test_one_who_says_nothing(own: Any) -> None:
    """A connection without messages is ended, as their clients know it."""
    before = own.ended("idle")
    async with realtime(own) as socket:
        assert "images" in await ask(socket, prompt="x")
        said = await heard(socket)
        assert (said["error"], said["reason"]) == ("TIMEOUT", "no inputs, reconnect when needed!")
        with pytest.raises(ConnectionClosed) as closed:
            await heard(socket)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1000
    await own.metric_becomes(before + 1, "allaprima_sessions_ended_total", reason="idle")
    assert "Traceback" not in own.said()


async def test_the_newest_wins(start: Any, tmp_path: Any) -> None:
    """While one is painted a newer message takes the place of the one that waits."""
    gate = tmp_path / "gate"
    server = start("--engine", "fake", "--fake-gate", str(gate), "--batch-sizes", "1")
    async with realtime(server, key=None) as socket:
        await socket.send(msgpack.packb({"prompt": "x", "request_id": "0"}))
        await server.metric_becomes(1, "allaprima_jobs_in_flight")
        for number in range(1, 5):
            await socket.send(msgpack.packb({"prompt": "x", "request_id": str(number)}))
        await server.metric_becomes(3, "allaprima_frames_total", outcome="dropped_newer")
        await asyncio.to_thread(gate.touch)
        assert [(await heard(socket))["request_id"] for _ in range(2)] == ["0", "4"]
    assert server.stop() == 0
