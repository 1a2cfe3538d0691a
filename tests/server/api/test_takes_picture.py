"""A student that takes the picture itself, by every API for stills: it paints over a picture, and nothing without one."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from functools import partial

import httpx
import numpy as np
import pytest

from engines.fake_engine import FakeEngine
from engines.student import PICTURE, Control, Student
from engines.student.contract import Contract
from server.app import make_app
from server.params import first_params, merge
from server.server import Server, build_server
from server.settings import load_settings
from tests.server.api.test_a1111 import opened
from tests.server.api.test_fal import answered
from wire import WireError

NEEDS = "embedded paints over a picture, and makes nothing of a prompt alone: send one"


@pytest.fixture
def taking(student: Student) -> Student:
    """A student that takes the picture itself."""
    return replace(student, contract=Contract("scaled-linear", "epsilon", (999,), start="image"), strength=1.0)


@pytest.fixture
def sketching(taking: Student) -> Student:
    """One that takes it as ink on paper."""
    return replace(taking, name="sketching", eye=Control(PICTURE, "ink"))


def _engine(of: Student, say: object) -> FakeEngine:
    return FakeEngine(of, (1, 2))


@pytest.fixture
async def http(taking: Student, sketching: Student) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a server of these students."""
    settings = load_settings({"engine": "fake", "student": "embedded,sketching"})
    made = [(one, partial(_engine, one)) for one in (taking, sketching)]
    built: Server = build_server(settings, made)
    built.start()
    for _ in range(1000):
        if built.not_ready() is None:
            break
        await asyncio.sleep(0.01)
    transport = httpx.ASGITransport(make_app(built), client=("192.0.2.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client
    await asyncio.to_thread(built.shut)


@pytest.fixture
def sent(encoded: Callable[..., bytes]) -> bytes:
    return encoded(image_format="PNG")


async def test_edits_and_variations(http: httpx.AsyncClient, sent: bytes) -> None:
    """A picture is painted over by edits and by variations, at the one strength there is; another and a mask are refused."""
    files = {"image": sent}
    for path in ("edits", "variations"):
        said = {"prompt": "x"} if path == "edits" else {}
        for more in ({}, {"strength": "1"}):
            answer = await http.post(f"/v1/images/{path}", data={**said, **more}, files=files)
            assert answer.status_code == 200, answer.text
        refused = (await http.post(f"/v1/images/{path}", data={**said, "strength": "0.5"}, files=files)).json()["error"]
        assert (refused["code"], refused["param"]) == ("unsupported_strength", "strength")
        assert "its strength is 1, not 0.5" in refused["message"]
    masked = await http.post("/v1/images/edits", data={"prompt": "x"}, files={**files, "mask": sent})
    assert "embedded makes all of a picture anew" in masked.json()["error"]["message"]


async def test_a_prompt_alone(http: httpx.AsyncClient) -> None:
    """Without a picture nothing is painted, and whoever asks is told what is missing."""
    error = (await http.post("/v1/images/generations", json={"prompt": "x"})).json()["error"]
    assert (error["code"], error["param"]) == ("unsupported", "image")
    assert NEEDS in error["message"]
    assert NEEDS in (await http.post("/sdapi/v1/txt2img", json={"prompt": "x"})).json()["detail"]


async def test_img2img(http: httpx.AsyncClient, sent: bytes) -> None:
    """A1111's clients, which always send a strength, get their picture and are told that it was not honoured."""
    asked = {"prompt": "x", "init_images": [base64.b64encode(sent).decode()], "width": 256, "height": 256}
    for strength, honoured in ((None, True), (1, True), (0.75, False), (0, False)):
        answer = await http.post("/sdapi/v1/img2img", json={**asked, "denoising_strength": strength})
        info = json.loads(answer.json()["info"])
        assert (info["denoising_strength"], info["not_honoured"]) == (1, [] if honoured else ["denoising_strength"])


def test_fal(taking: Student, sent: bytes) -> None:
    """So do fal's."""
    image = f"data:image/png;base64,{base64.b64encode(sent).decode()}"
    for strength, ignored in ((None, []), (1.0, []), (0.8, ["strength"])):
        assert answered(taking, prompt="x", image_url=image, strength=strength)["without_effect"] == ignored


async def test_models(http: httpx.AsyncClient) -> None:
    """The list of students says that it makes nothing of a prompt, and its one strength."""
    told, other = (await http.get("/v1/models")).json()["data"]
    assert (told["txt2img"], told["img2img"], told["strengths"], told["eyes"]) == (False, True, [1.0], [])
    [eye] = other["eyes"]
    assert (eye["name"], eye["sees"], eye["scale"], list(eye["knobs"])) == (PICTURE, "ink", None, ["level"])


@pytest.fixture
def halves(encoded: Callable[..., bytes]) -> bytes:
    """A picture that is dark on the left and light on the right."""
    pixels = np.full((256, 256, 3), 240, np.uint8)
    pixels[:, :128] = 20
    return encoded(pixels, image_format="PNG")


def _left(image: str) -> int:
    """How light a picture is on its left, of one that differs on its right."""
    pixels = np.asarray(opened(image))
    assert abs(int(pixels[128, 30, 0]) - int(pixels[128, 220, 0])) > 200
    return int(pixels[128, 30, 0])


async def test_an_eye_for_the_picture(http: httpx.AsyncClient, halves: bytes) -> None:
    """What a student paints over is what its eye makes of a picture, unless a client says that it is ready."""
    for model, light in (("embedded", False), ("sketching", True)):
        asked = {"prompt": "x", "model": model, "response_format": "b64_json"}
        answer = await http.post("/v1/images/edits", data=asked, files={"image": halves})
        assert (_left(answer.json()["data"][0]["b64_json"]) > 200) == light
    more = {"width": 256, "height": 256, "override_settings": {"sd_model_checkpoint": "sketching"}}
    whole = {"prompt": "x", "init_images": [base64.b64encode(halves).decode()], **more}
    for module, light in ((None, True), ("ink", True), ("none", False)):
        unit = {"model": PICTURE, "module": module}
        scripts = {} if module is None else {"alwayson_scripts": {"controlnet": {"args": [unit]}}}
        answer = await http.post("/sdapi/v1/img2img", json={**whole, **scripts})
        assert (_left(answer.json()["images"][0]) > 200) == light, answer.text[:200]


def test_the_eye_live(sketching: Student) -> None:
    """Live it looks from the start. Its knobs are set as others' are, it has no scale; without it frames are as they are."""
    begun = first_params(sketching)
    assert begun.looks(sketching) == ((PICTURE, 1.0, ()),)
    assert merge(begun, {"eyes": [{"name": PICTURE, "knobs": {"level": 90}}]}, 100, sketching).looks(sketching)
    assert merge(begun, {"eyes": []}, 100, sketching).looks(sketching) == ()
    with pytest.raises(WireError, match="leave its scale out"):
        merge(begun, {"eyes": [{"name": PICTURE, "scale": 0.5}]}, 100, sketching)


def test_live(taking: Student) -> None:
    """Live it is a session like any other, whose strength is 1 and stays so."""
    begun = first_params(taking)
    assert begun.told(taking)["strength"] == 1.0
    assert merge(begun, {"prompt": "at night", "strength": 1.0}, 100, taking).strength == 1.0
    with pytest.raises(WireError, match=r"strength: .*its strength is 1, not 0\.5"):
        merge(begun, {"strength": 0.5}, 100, taking)
