"""The real engine, end to end: a still by REST and a frame live."""

import asyncio
import base64
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image
from websockets.exceptions import ConnectionClosed

IMAGE = 1


def _pixels(data: bytes) -> Any:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)


@pytest.fixture(scope="module")
def real(start: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A server with OpenVINO, one thread, ticks of 1 and 2."""
    cache = str(tmp_path_factory.mktemp("cache"))
    server = start("--engine", "openvino", "--batch-sizes", "1,2", "--threads", "1", "--cache", cache, "--frame-deadline", "20")
    yield server
    assert server.stop() == 0
    assert "Traceback" not in server.said()


async def test_a_still(real: Any) -> None:
    """A prompt and a seed make a picture, the same each time, and another prompt makes another."""
    prompts = [
        "a red heart on a cyan background",
        "a red heart on a cyan background",
        "a yellow star on a blue background, neon",
    ]
    async with real.http() as http:
        answers = [await http.post("/v1/images/generations", json={"prompt": prompt, "seed": 1}) for prompt in prompts]
    first, again, other = (_pixels(base64.b64decode(answer.json()["data"][0]["b64_json"])) for answer in answers)
    assert first.shape == (256, 256, 3)
    assert first.std() > 5
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).mean() > 5


async def test_a_frame(real: Any, encoded: Any, picture: Any) -> None:
    """A frame is repainted: at strength 0 itself, at a half another picture of the same scene."""
    async with real.live() as user:
        await user.params(prompt="ink", strength=0, format="png", similarity=None)
        same = await user.paint(1, encoded(picture(3)))
        await user.params(strength=0.5)
        other = await user.paint(2, encoded(picture(3)))
    assert (same.kind, other.kind) == (IMAGE, IMAGE)
    assert np.abs(_pixels(same.image) - picture(3)).mean() < 15
    assert np.abs(_pixels(other.image) - _pixels(same.image)).mean() > 5
    assert all(micros > 0 for micros in other.times[1:])


async def test_while_starting(start: Any, tmp_path: Path) -> None:
    """The port is open before the engine is ready: who comes is told when to try again, and it stops when it is told to."""
    server = start("--engine", "openvino", "--batch-sizes", "1,2", "--threads", "1", "--cache", str(tmp_path), ready=False)
    async with server.http() as http:
        await _until_open(http)
        ready = await http.get("/readyz")
        still = await http.post("/v1/images/generations", json={"prompt": "x"})
        async with server.live(greeted=False) as user:
            with pytest.raises(ConnectionClosed) as closed:
                await user.next()
    assert (ready.status_code, still.status_code) == (503, 503)
    assert "starting" in ready.json()["reason"]
    assert still.headers["retry-after"]
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1013
    assert "try again in 5 seconds" in closed.value.rcvd.reason
    assert await asyncio.to_thread(server.stop) == 0
    assert "Traceback" not in server.said()


async def _until_open(http: httpx.AsyncClient) -> None:
    for _ in range(1000):
        try:
            assert (await http.get("/healthz")).status_code == 200
            return
        except httpx.TransportError:
            await asyncio.sleep(0.02)
    pytest.fail("the port did not open")
