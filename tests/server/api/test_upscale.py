"""Pictures made larger, by each API: what may be asked, what is answered, and what is refused."""

import base64
import io
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from PIL import Image

from engines.fake_engine import FakeEngine
from engines.student import Student
from server.app import make_app
from server.server import Server, build_server
from server.settings import load_settings
from tests.server.api.conftest import client
from tests.server.waiting import until
from tests.student_files import an_upscaler

PATH, A1111 = "/v1/images/generations", "/sdapi/v1/txt2img"


@pytest.fixture
async def both(student: Student) -> AsyncIterator[tuple[FastAPI, Server]]:
    """A server at work: its first student has an upscaler, its second, `plain`, has none."""
    able, plain = replace(student, upscaler=an_upscaler()), replace(student, name="plain")
    makes = [(one, lambda say, one=one: FakeEngine(one)) for one in (able, plain)]
    server = build_server(load_settings({"engine": "fake"}), makes)
    server.start()
    await until(lambda: server.not_ready() is None, 20)
    yield make_app(server), server
    await server.end()
    server.shut()


@pytest.fixture
async def http(both: tuple[FastAPI, Server]) -> AsyncIterator[httpx.AsyncClient]:
    async with client(both[0]) as one:
        yield one


def _size(image: str) -> tuple[int, int]:
    return Image.open(io.BytesIO(base64.b64decode(image))).size


@pytest.mark.parametrize(("asked", "size"), [
    ({}, (256, 256)),
    ({"upscale": 1}, (256, 256)),
    ({"upscale": 2}, (512, 512)),
    ({"upscale": 4}, (1024, 1024)),
    ({"upscale": 2, "size": "512x512"}, (512, 512)),
    ({"upscale": 2, "size": "300x400"}, (300, 400)),
])  # fmt: skip
async def test_images(http: httpx.AsyncClient, asked: dict[str, Any], size: tuple[int, int]) -> None:
    """A picture is so many times larger, or of the size that is asked for besides, and the answer says its size and what the
    student painted."""
    body = (await http.post(PATH, json={"prompt": "a boat", "response_format": "b64_json", **asked})).json()
    assert _size(body["data"][0]["b64_json"]) == size
    assert (body["size"], body["painted_size"]) == (f"{size[0]}x{size[1]}", "256x256")
    assert bool(body["timings"][0]["upscale"]) == (asked.get("upscale", 1) > 1)


async def test_edits_and_variations(http: httpx.AsyncClient, encoded: Any) -> None:
    """A picture painted anew is made larger, too."""
    for path, more in (("edits", {"prompt": "a boat"}), ("variations", {})):
        files = {"image": ("a.png", encoded(image_format="PNG"), "image/png")}
        answer = await http.post(f"/v1/images/{path}", data={"upscale": "2", **more}, files=files)
        assert answer.json()["size"] == "512x512", answer.text


@pytest.mark.parametrize(("asked", "code", "says"), [
    ({"upscale": 3}, "invalid_value", "larger makes pictures 2 or 4 times larger, not 3"),
    ({"upscale": 0}, "invalid_value", "greater than or equal to 1"),
    ({"upscale": 2, "model": "plain"}, "unsupported", "plain has no upscaler (--upscaler)"),
])  # fmt: skip
async def test_what_is_refused(http: httpx.AsyncClient, asked: dict[str, Any], code: str, says: str) -> None:
    """What the upscaler cannot do, and what a student has none for, is a 400 that says so; the server serves on."""
    answer = await http.post(PATH, json={"prompt": "a boat", **asked})
    error = answer.json()["error"]
    assert (answer.status_code, error["param"], error["code"]) == (400, "upscale", code)
    assert says in error["message"]
    assert (await http.post(PATH, json={"prompt": "a boat", "upscale": 2})).status_code == 200


async def test_one_that_does_not_run(http: httpx.AsyncClient, both: tuple[FastAPI, Server]) -> None:
    """Where the upscaler did not fit, asking for it is a 503 with the reason, and /v1/models says it."""
    _, server = both
    board = server.workers[0].board
    board.publish(replace(board.read(), upscales={}, no_upscale="cuda:0 has 3 MiB free: free the device of other work"))
    answer = await http.post(PATH, json={"prompt": "a boat", "upscale": 2})
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "no_upscaler")
    assert "3 MiB free: free the device of other work. Ask without upscale" in answer.json()["error"]["message"]
    assert (await http.post(PATH, json={"prompt": "a boat"})).status_code == 200
    assert "3 MiB" in (await http.get("/v1/models/embedded")).json()["upscaler"]["why_not"]


async def test_models(http: httpx.AsyncClient) -> None:
    """Models say what makes their pictures larger, by how much, and in how many seconds."""
    able, plain = (await http.get("/v1/models")).json()["data"]
    said = able["upscaler"]
    assert (said["name"], said["kind"], said["licence"], said["why_not"]) == ("larger", "network", "MIT", None)
    assert set(said["scales"]) == {"2", "4"}
    assert all(seconds >= 0 for seconds in said["scales"].values())
    assert plain["upscaler"] is None


@pytest.mark.parametrize(("asked", "size", "idle"), [
    ({"hr_scale": 2.0}, (256, 256), []),
    ({"enable_hr": True}, (512, 512), []),
    ({"enable_hr": True, "hr_scale": 1.5, "hr_upscaler": "larger"}, (384, 384), []),
    ({"enable_hr": True, "hr_scale": 3, "hr_upscaler": "Latent"}, (768, 768), ["hr_upscaler"]),
    ({"enable_hr": True, "hr_resize_x": 600, "hr_resize_y": 500}, (600, 500), []),
    ({"enable_hr": True, "hr_resize_x": 1000}, (1000, 1000), []),
    ({"enable_hr": True, "hr_scale": 2, "hr_upscaler": "None"}, (512, 512), []),
    ({"enable_hr": True, "width": 128, "height": 64, "hr_second_pass_steps": 9}, (256, 128), ["hr_second_pass_steps"]),
])  # fmt: skip
async def test_a1111(http: httpx.AsyncClient, asked: dict[str, Any], size: tuple[int, int], idle: list[str]) -> None:
    """The high-resolution fix of A1111 makes pictures larger, of any size within bounds; what has no effect is said."""
    body = (await http.post(A1111, json={"prompt": "a boat", **asked})).json()
    info = json.loads(body["info"])
    assert _size(body["images"][0]) == (info["width"], info["height"]) == size
    assert info["not_honoured"] == idle


async def test_a1111_without_an_upscaler(http: httpx.AsyncClient) -> None:
    """A student that has none paints as ever, and the answer says that nothing was made larger."""
    override = {"sd_model_checkpoint": "plain"}
    asked = {"prompt": "a boat", "enable_hr": True, "hr_scale": 2, "override_settings": override}
    body = (await http.post(A1111, json=asked)).json()
    info = json.loads(body["info"])
    assert _size(body["images"][0]) == (256, 256)
    assert info["not_honoured"] == ["enable_hr", "hr_scale"]


async def test_a1111s_upscalers(http: httpx.AsyncClient) -> None:
    """Upscalers are listed by name, beside none."""
    names = [one["name"] for one in (await http.get("/sdapi/v1/upscalers")).json()]
    assert names == ["None", "larger"]
