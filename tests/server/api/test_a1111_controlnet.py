"""The script `controlnet` of A1111's API: pictures that are shown to a student's controls, and what of it is refused."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import numpy as np
import pytest

from engines.fake_engine import FakeEngine
from engines.student import Control, Student
from server.app import make_app
from server.server import Server, build_server
from server.settings import load_settings
from tests.server.api.test_a1111 import opened

CONTROLS = (Control("edges", "canny", "MIT"), Control("colours", "tile", "MIT"))


@pytest.fixture
async def server(student: Student) -> AsyncIterator[Server]:
    """A server of a student that repaints and has eyes, and of one that has eyes alone."""
    both = replace(student, controls=CONTROLS)
    alone = replace(both, name="alone", contract=replace(student.contract, strengths="none"))
    settings = load_settings({"engine": "fake", "student": "embedded,alone"})
    server = build_server(settings, [(one, lambda say, one=one: FakeEngine(one, (1, 2))) for one in (both, alone)])
    server.start()
    for _ in range(1000):
        if server.not_ready() is None:
            break
        await asyncio.sleep(0.01)
    yield server
    await asyncio.to_thread(server.shut)


@pytest.fixture
async def http(server: Server) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(make_app(server), client=("192.0.2.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client


@pytest.fixture
def shown(picture: Any, encoded: Any) -> str:
    """A picture, as a client sends it."""
    return base64.b64encode(encoded(picture(1), image_format="PNG")).decode()


def _asked(*units: Any, **more: Any) -> dict[str, Any]:
    scripts = {"alwayson_scripts": {"ControlNet": {"args": list(units)}}} if units else {}
    return {"prompt": "x", "seed": 7, "width": 256, "height": 256, **scripts, **more}


async def _painted(http: httpx.AsyncClient, path: str, *units: Any, **more: Any) -> tuple[Any, list[str]]:
    answer = await http.post(f"/sdapi/v1/{path}", json=_asked(*units, **more))
    assert answer.status_code == 200, answer.text
    assert "alwayson_scripts" not in answer.json()["parameters"]
    return np.array(opened(answer.json()["images"][0])).astype(int), json.loads(answer.json()["info"])["not_honoured"]


async def test_what_is_shown_counts(http: httpx.AsyncClient, shown: str) -> None:
    """A unit's picture is shown to its control, as much as its weight says; one that is off, or weighs nothing, is not."""
    plain, _ = await _painted(http, "txt2img")
    unit = {"model": "colours [1a2b3c4d]", "module": "tile", "image": shown}
    seen = {weight: (await _painted(http, "txt2img", {**unit, "weight": weight}))[0] for weight in (0.0, 0.5, 1.0)}
    assert (seen[0.0] == plain).all()
    assert 0 < abs(seen[0.5] - plain).mean() < abs(seen[1.0] - plain).mean()
    off, not_honoured = await _painted(http, "txt2img", {**unit, "enabled": False})
    assert ((off == plain).all(), not_honoured) == (True, [])


async def test_a_module_sees(http: httpx.AsyncClient, shown: str) -> None:
    """The control's own eye looks, by the thresholds of a unit; with none the picture is shown as it is."""
    unit = {"model": "edges", "module": "canny", "input_image": shown}
    few, _ = await _painted(http, "txt2img", {**unit, "threshold_a": 900, "threshold_b": 1000})
    many, _ = await _painted(http, "txt2img", {**unit, "threshold_a": 1, "threshold_b": 2})
    ready, _ = await _painted(http, "txt2img", {**unit, "module": "none"})
    by_module, _ = await _painted(http, "txt2img", {"module": "canny", "image": {"image": shown, "mask": None}})
    assert len({image.tobytes() for image in (few, many, ready)}) == 3
    assert by_module.shape == few.shape


async def test_a_picture_that_is_repainted_is_shown(http: httpx.AsyncClient, shown: str) -> None:
    """Beside a picture to be painted anew, units are shown that one."""
    img2img = {"init_images": [shown], "denoising_strength": 0.5}
    without, _ = await _painted(http, "img2img", **img2img)
    under, _ = await _painted(http, "img2img", {"model": "colours", "module": "tile"}, **img2img)
    same, _ = await _painted(http, "img2img", {"model": "colours", "module": "tile", "image": shown}, **img2img)
    assert (under != without).any()
    assert (under == same).all()


async def test_a_student_with_eyes_alone(http: httpx.AsyncClient, shown: str) -> None:
    """A student that cannot repaint is shown the picture of img2img, by the units that are asked for or by its first eye."""
    alone = {"override_settings": {"sd_model_checkpoint": "alone"}, "init_images": [shown]}
    first, _ = await _painted(http, "img2img", **alone)
    asked, _ = await _painted(http, "img2img", {"model": "colours", "module": "tile"}, **alone)
    assert (first != asked).any()


async def test_what_changes_nothing_is_said(http: httpx.AsyncClient, shown: str) -> None:
    """Fields of a unit that are not honoured are named, where they ask for something."""
    usual = {
        "control_mode": "Balanced",
        "processor_res": 512,
        "pixel_perfect": False,
        "guidance_start": 0.0,
        "guidance_end": 1.0,
    }
    unit = {"model": "colours", "module": "tile", "image": shown, "threshold_a": 64, **usual}
    assert (await _painted(http, "txt2img", unit))[1] == []
    asks = {**unit, "guidance_end": 0.5, "threshold_a": 7, "control_mode": "ControlNet is more important"}
    assert (await _painted(http, "txt2img", asks))[1] == [
        "controlnet.control_mode", "controlnet.guidance_end", "controlnet.threshold_a",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "unit", "more", "says"),
    [
        ("txt2img", {"model": "depth", "image": "AAAA"}, {}, "model 'depth' not found; of embedded there are: edges, colours"),
        ("txt2img", {"module": "depth", "image": "AAAA"}, {}, "module 'depth' not found"),
        ("txt2img", {"model": "edges", "module": "depth", "image": "AAAA"}, {}, "shown what canny sees, not depth"),
        ("txt2img", {"model": "edges"}, {}, "a unit has no picture to show"),
        ("txt2img", {"model": "edges", "weight": 3}, {}, "weight: Input should be less than or equal to 2"),
        ("txt2img", {"model": "edges", "image": {"image": "AAAA", "mask": "AAAA"}}, {}, "has no mask here"),
        ("txt2img", {"model": "edges", "image": {"image": 5}}, {}, "image is a picture in base64"),
        ("txt2img", {"model": "edges", "image": "!"}, {}, "not base64"),
        ("img2img", {"model": "edges", "image": "AAAA"}, {"init_images": ["AAAB"]}, "shown the picture in init_images"),
        ("txt2img", "edges", {}, "Input should be a valid dictionary"),
    ],
    ids=str,
)
async def test_what_cannot_be(http: httpx.AsyncClient, path: str, unit: Any, more: Any, says: str) -> None:
    """What is wrong with a unit is said in this API's shape, with what would be right."""
    response = await http.post(f"/sdapi/v1/{path}", json=_asked(unit, **more))
    assert response.status_code in (400, 422)
    assert says in response.json()["detail"]


async def test_units_share_a_picture(http: httpx.AsyncClient, shown: str) -> None:
    """Two units may be shown one picture, and not two; nor may there be more units than a few."""
    both = [{"model": name, "module": "none", "image": shown} for name in ("edges", "colours")]
    await _painted(http, "txt2img", *both)
    for units, says in (
        ((both[0], {**both[1], "image": "AAAA"}), "these bring 2"),
        ((both[0],) * 5, "a list of up to 4 units"),
    ):
        response = await http.post("/sdapi/v1/txt2img", json=_asked(*units))
        assert (response.status_code, says in response.json()["detail"]) == (422, True)


async def test_lists(http: httpx.AsyncClient) -> None:
    """Clients see which controls there are, and by which eyes."""
    assert (await http.get("/controlnet/version")).json() == {"version": 2}
    assert (await http.get("/controlnet/model_list")).json() == {"model_list": ["edges", "colours"]}
    assert (await http.get("/controlnet/module_list")).json() == {"module_list": ["none", "canny", "tile"]}
