"""Pictures made larger by real servers: over REST and live, by a graph on OpenVINO, and by a worker elsewhere."""

import base64
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from benchmarks.redis_server import RedisServer
from tests.engines.upscalers.test_network import write

Start = Callable[..., Any]
ASKED = {"prompt": "a red heart on a cyan background", "seed": 3, "response_format": "b64_json"}
LARGER = ("--upscaler", "larger=nowhere.onnx")


def _picture(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


@pytest.fixture(scope="module")
def able(start: Start) -> Any:
    """A server whose student has an upscaler, both of the fake engine."""
    return start("--engine", "fake", *LARGER)


async def test_a_live_user(able: Any, encoded: Any) -> None:
    """Who is live may have frames made larger, is told by how much they can be and what size they are, and may change it."""
    async with able.live() as user:
        assert set(user.ready["upscaler"]["scales"]) == {"2", "4"}
        assert user.ready["size"] == [256, 256]
        await user.params(similarity=None)
        assert _picture((await user.paint(1, encoded())).image).size == (256, 256)
        told = await user.params(upscale=2)
        assert (told["upscale"], told["size"]) == (2, [512, 512])
        assert _picture((await user.paint(2, encoded())).image).size == (512, 512)
        wrong = await user.params(upscale=3)
        assert (wrong["code"], wrong["message"]) == (
            "bad_params", "upscale: larger makes pictures 2 or 4 times larger, not 3",
        )  # fmt: skip
        assert _picture((await user.paint(3, encoded())).image).size == (512, 512)


async def test_a_live_user_of_a_student_without(server: Any) -> None:
    """A student that has no upscaler says so, and its frames go on."""
    async with server.live() as user:
        assert user.ready["upscaler"] is None
        assert "has no upscaler (--upscaler)" in (await user.params(upscale=2))["message"]


async def test_a_graph_of_ones_own(start: Start, tmp_path: Path) -> None:
    """On OpenVINO the student's picture goes through the graph that the operator names; its scale is read off it."""
    graph, cache = write(tmp_path / "up.onnx", 2), str(tmp_path / "cache")
    server = start(
        "--engine", "openvino", "--batch-sizes", "1", "--threads", "1", "--cache", cache, "--upscaler", f"x2={graph}"
    )
    async with server.http() as http:
        plain, larger = [
            (await http.post("/v1/images/generations", json={**ASKED, **more})).json() for more in ({}, {"upscale": 2})
        ]
        refused = await http.post("/v1/images/generations", json={**ASKED, "upscale": 4})
        assert "x2 makes pictures 2 times larger, not 4" in refused.json()["error"]["message"]
        assert list((await http.get("/v1/models/embedded")).json()["upscaler"]["scales"]) == ["2"]
    small, large = (np.asarray(_picture(base64.b64decode(one["data"][0]["b64_json"]))).astype(int) for one in (plain, larger))
    assert larger["size"] == "512x512"
    assert np.abs(large - small.repeat(2, 0).repeat(2, 1)).max() <= 1
    assert server.metric("allaprima_stage_seconds_count", stage="upscale", api="openai") == 1
    assert server.stop() == 0
    assert "Traceback" not in server.said()


async def test_no_such_file(start: Start, tmp_path: Path) -> None:
    """A file that is not there is said at once, before anything is built."""
    server = start("--engine", "openvino", "--cache", str(tmp_path), "--upscaler", "x2=none.onnx", ready=False)
    assert server.process.wait(60) == 2
    assert "the upscaler x2: there is no none.onnx" in server.said()


async def test_a_worker_elsewhere(start: Start, redis_server: RedisServer) -> None:
    """A worker announces what it measured, and a front end that has none of its files asks it for that."""
    start("--queue", redis_server.url, "--engine", "fake", *LARGER, command="worker", ready=False)
    front = start("--queue", redis_server.url, *LARGER)
    async with front.http() as http:
        said = (await http.get("/v1/models/embedded")).json()["upscaler"]
        assert set(said["scales"]) == {"2", "4"}
        body = (await http.post("/v1/images/generations", json={**ASKED, "upscale": 2})).json()
    assert body["size"] == "512x512"
    assert _picture(base64.b64decode(body["data"][0]["b64_json"])).size == (512, 512)
