"""A1111's API, in one process: what is honoured, what is said of what is not, and what is everybody's own."""

import asyncio
import base64
import io
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from engines.fake_engine import FakeEngine
from engines.student import Guidance, Student
from server.api.a1111 import infotext
from server.app import make_app
from server.server import Server, build_server
from server.settings import load_settings

BASE = "/sdapi/v1"


async def _ready(server: Server) -> None:
    server.start()
    for _ in range(1000):
        if server.not_ready() is None:
            return
        await asyncio.sleep(0.01)
    pytest.fail("the worker did not get ready")


class Gate:
    """No tick ends while it is shut."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.open()

    def open(self) -> None:
        self.path.touch()

    def shut(self) -> None:
        self.path.unlink()


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return Gate(tmp_path / "gate")


@pytest.fixture
async def server(student: Student, gate: Gate) -> AsyncIterator[Server]:
    """A server of two students, of which the second is told a guidance scale."""
    told = replace(student, name="told", guidance=Guidance(2.0, 1.0, 8.0))
    settings = load_settings({"engine": "fake", "student": "embedded,told"})
    makes = [(one, lambda say, one=one: FakeEngine(one, (1, 2), gate=gate.path)) for one in (student, told)]
    server = build_server(settings, makes)
    await _ready(server)
    yield server
    gate.open()
    await asyncio.to_thread(server.shut)


@pytest.fixture
async def http(server: Server) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(make_app(server), client=("192.0.2.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url=f"http://localhost{BASE}") as client:
        yield client


def opened(image: str) -> Image.Image:
    picture = Image.open(io.BytesIO(base64.b64decode(image)))
    picture.load()
    return picture


USUAL = {
    "prompt": "a boat, море", "negative_prompt": "ugly", "steps": 20, "cfg_scale": 7, "sampler_name": "Euler a",
    "width": 512, "height": 512, "seed": -1, "batch_size": 1, "n_iter": 1, "enable_hr": False, "hr_scale": 2,
}  # fmt: skip
"""What clients always send."""


async def test_text_to_image(http: httpx.AsyncClient) -> None:
    """What clients always send is painted, at the size asked for, and `info` says which of it was not honoured."""
    answer = (await http.post("/txt2img", json=USUAL)).json()
    info = json.loads(answer["info"])
    picture = opened(answer["images"][0])
    assert picture.size == (info["width"], info["height"]) == (512, 512)
    assert info["painted_width"] == 256
    assert info["not_honoured"] == ["cfg_scale", "negative_prompt", "sampler_name", "steps"]
    assert info["steps"] == 1
    assert answer["parameters"]["prompt"] == USUAL["prompt"]
    assert picture.info["parameters"] == info["infotexts"][0]
    assert infotext.read(picture.info["parameters"])["Seed"] == str(info["seed"])


async def test_what_a_student_can_is_honoured(http: httpx.AsyncClient) -> None:
    """Guidance within a student's bounds, its own steps and styles that it knows are honoured."""
    override = {"sd_model_checkpoint": "told", "samples_format": "jpg", "CLIP_stop_at_last_layers": 1}
    sent = {"prompt": "a boat", "cfg_scale": 3.0, "steps": 1, "styles": ["neon"], "override_settings": override}
    answer = (await http.post("/txt2img", json=sent)).json()
    info = json.loads(answer["info"])
    assert info["not_honoured"] == ["override_settings"]
    assert (info["prompt"], info["cfg_scale"], info["sd_model_name"]) == ("a boat, neon", 3.0, "told")
    assert opened(answer["images"][0]).format == "JPEG"
    outside = (await http.post("/txt2img", json={**sent, "cfg_scale": 12, "styles": ["baroque"]})).json()
    assert json.loads(outside["info"])["not_honoured"] == ["cfg_scale", "override_settings", "styles"]


async def test_null_is_the_default(http: httpx.AsyncClient) -> None:
    """Every field may be null, and none need be there."""
    names = (await http.get("http://localhost/openapi.json")).json()["paths"][f"{BASE}/txt2img"]["post"]["requestBody"]
    fields = names["content"]["application/json"]["schema"]["properties"]
    for sent in ({}, dict.fromkeys(fields)):
        answer = (await http.post("/txt2img", json=sent)).json()
        assert json.loads(answer["info"])["not_honoured"] == []
        assert opened(answer["images"][0]).size == (256, 256)


async def test_seeds_and_batches(http: httpx.AsyncClient) -> None:
    """Batches follow each other with seeds that do, and the same seed gives the same picture."""
    answer = (await http.post("/txt2img", json={"prompt": "x", "seed": 7, "batch_size": 2, "n_iter": 2})).json()
    assert json.loads(answer["info"])["all_seeds"] == [7, 8, 9, 10]
    one = (await http.post("/txt2img", json={"prompt": "x", "seed": 9})).json()
    assert one["images"][0] == answer["images"][2]
    none = (await http.post("/txt2img", json={"prompt": "x", "send_images": False})).json()
    assert none["images"] == []


async def test_image_to_image(http: httpx.AsyncClient, encoded: Any) -> None:
    """A picture, bare or as a data URI, is painted anew as much as `denoising_strength` says."""
    picture = base64.b64encode(encoded(image_format="PNG")).decode()
    asked = {"prompt": "x", "seed": 7, "init_images": [picture], "mask_blur": 4, "inpainting_fill": 0, "resize_mode": 0}
    kept = (await http.post("/img2img", json={**asked, "denoising_strength": 0})).json()
    info = json.loads(kept["info"])
    assert (info["not_honoured"], info["denoising_strength"]) == ([], 0)
    assert "init_images" not in kept["parameters"]
    uri = (await http.post("/img2img", json={**asked, "init_images": [f"data:image/png;base64,{picture}"]})).json()
    assert json.loads(uri["info"])["denoising_strength"] == 0.75
    assert uri["images"] != kept["images"]


async def test_masks(http: httpx.AsyncClient, picture: Any, encoded: Any) -> None:
    """What is white in a mask is painted anew, or what is black; how soft its edges are is honoured, its filling is not."""
    levels = np.zeros((256, 256, 3), np.uint8)
    levels[:, :128] = 255
    source, mask = (base64.b64encode(encoded(one, image_format="PNG")).decode() for one in (picture(1), levels))
    sizes = {"width": 256, "height": 256}
    asked = {"prompt": "x", "seed": 7, "init_images": [source], "mask": mask, "denoising_strength": 1, **sizes}

    async def painted(**more: Any) -> Any:
        answer = (await http.post("/img2img", json={**asked, **more})).json()
        return np.array(opened(answer["images"][0])), json.loads(answer["info"])["not_honoured"]

    new, kept = (await painted(mask=None))[0], (await painted(mask=None, denoising_strength=0))[0]
    for inverted, where in ((0, slice(None, 128)), (1, slice(128, None))):
        pixels, not_honoured = await painted(inpainting_mask_invert=inverted, inpainting_fill=1)
        expected = kept.copy()
        expected[:, where] = new[:, where]
        assert (pixels == expected).all()
        assert not_honoured == []
    soft, not_honoured = await painted(mask_blur=16, inpainting_fill=0, inpaint_full_res=True)
    assert not (soft == new).all(2)[:, 120:128].all()
    assert not_honoured == ["inpaint_full_res", "inpainting_fill"]


@pytest.mark.parametrize(
    ("path", "sent", "status", "param", "says"),
    [
        ("/img2img", {"prompt": "x"}, 404, "init_images", "Init image not found"),
        ("/img2img", {"init_images": ["", ""]}, 422, "init_images", "one picture is repainted here, not 2"),
        ("/img2img", {"init_images": ["!"]}, 400, "init_images", "not base64"),
        ("/img2img", {"init_images": ["http://example.com/a.png"]}, 400, "init_images", "nothing is fetched"),
        ("/img2img", {"init_images": ["AAAA"]}, 400, None, "not"),
        ("/img2img", {"init_images": ["AAAA"], "denoising_strength": 2}, 400, "denoising_strength", "less than"),
        ("/img2img", {"init_images": ["AAAA"], "mask": "!"}, 400, "mask", "not base64"),
        ("/txt2img", {"script_name": "x/y plot"}, 422, "script_name", "'x/y plot' not found"),
        ("/txt2img", {"alwayson_scripts": {"ADetailer": {}}}, 422, "alwayson_scripts", "'ADetailer' not found"),
        ("/txt2img", {"width": 4096}, 400, "width", "less than or equal to 2048"),
        ("/txt2img", {"batch_size": 9}, 400, "batch_size", "less than or equal to 8"),
        ("/txt2img", {"n_iter": 9}, 400, "n_iter", "less than or equal to 8"),
        ("/txt2img", {"seed": -2}, 400, "seed", "-1"),
        ("/txt2img", {"prompt": "x" * 3000}, 400, "prompt", "the most taken here is 2000"),
        ("/txt2img", {"override_settings": {"sd_model_checkpoint": "sdxl"}}, 404, "sd_model_checkpoint", "embedded, told"),
        ("/txt2img", {"override_settings": {"samples_format": "gif"}}, 422, "samples_format", "png, jpg"),
        ("/options", {"sd_model_checkpoint": 5}, 422, "sd_model_checkpoint", "title"),
        ("/options", [], 400, None, "valid dictionary"),
        ("/png-info", {"image": "AAAA"}, 422, "image", "not a PNG"),
        ("/nothing", {}, 404, None, "Not Found"),
    ],
    ids=str,
)  # fmt: skip
async def test_what_cannot_be(http: httpx.AsyncClient, path: str, sent: Any, status: int, param: Any, says: str) -> None:
    """Errors are in this API's shape, name the parameter by its name here, and say what would be right."""
    response = await http.post(path, json=sent)
    error = response.json()
    assert (response.status_code, error["param"]) == (status, param), error
    assert says in error["detail"]


async def test_a_key_as_a_password(make: Any) -> None:
    """A key is a password, whatever the name; whoever shows none is asked for one in this API's way."""
    from .conftest import client

    app, _ = await make(api_keys="right")
    async with client(app) as http:
        refused = await http.get(f"{BASE}/options", auth=("me", "wrong"))
        assert (refused.status_code, refused.headers["www-authenticate"][:5]) == (401, "Basic")
        assert "key is wrong" in refused.json()["detail"]
        assert (await http.get(f"{BASE}/options", auth=("me", "right"))).status_code == 200
        assert (await http.get(f"{BASE}/options", headers={"authorization": "Bearer right"})).status_code == 200


async def test_lists(http: httpx.AsyncClient) -> None:
    """What clients list is there, in the form that they read."""
    models = (await http.get("/sd-models")).json()
    assert [(model["title"], model["model_name"]) for model in models] == [("embedded", "embedded"), ("told", "told")]
    assert (await http.get("/samplers")).json()[0]["name"] == "Euler a"
    assert {"name": "neon", "prompt": "neon", "negative_prompt": ""} in (await http.get("/prompt-styles")).json()
    assert (await http.get("/scripts")).json() == {"txt2img": [], "img2img": []}
    for name in ("schedulers", "upscalers"):
        assert (await http.get(f"/{name}")).json()[0]["name"]
    for name in ("latent-upscale-modes", "sd-vae", "loras", "hypernetworks", "face-restorers", "realesrgan-models"):
        assert (await http.get(f"/{name}")).json() == []
    assert (await http.get("/embeddings")).json() == {"loaded": {}, "skipped": {}}
    memory = (await http.get("/memory")).json()
    assert 0 < memory["ram"]["free"] < memory["ram"]["total"]
    assert (await http.get("/cmd-flags")).json()["api"] is True
    assert (await http.post("/refresh-checkpoints")).status_code == 200


async def test_options_are_each_owners_own(server: Server, http: httpx.AsyncClient) -> None:
    """Options as they were read may be set with one changed; what one chooses is nobody else's."""
    options = (await http.get("/options")).json()
    options["sd_model_checkpoint"] = "told"
    assert (await http.post("/options", json=options)).json() == {"not_honoured": []}
    assert (await http.get("/options")).json()["sd_model_checkpoint"] == "told"
    more = {"sd_vae": "other", "CLIP_stop_at_last_layers": 2, "samples_format": "webp"}
    assert (await http.post("/options", json=more)).json() == {"not_honoured": ["CLIP_stop_at_last_layers", "sd_vae"]}
    painted = (await http.post("/txt2img", json={"prompt": "x"})).json()
    assert json.loads(painted["info"])["sd_model_name"] == "told"
    assert opened(painted["images"][0]).format == "WEBP"
    other = httpx.ASGITransport(make_app(server), client=("192.0.2.2", 1))
    async with httpx.AsyncClient(transport=other, base_url="http://localhost") as second:
        assert (await second.get(f"{BASE}/options")).json()["sd_model_checkpoint"] == "embedded"


async def _progress(http: httpx.AsyncClient, **state: Any) -> Any:
    """Poll until the state says so."""
    for _ in range(1000):
        progress = (await http.get("/progress?skip_current_image=true")).json()
        if all(progress["state"][name] == value for name, value in state.items()):
            return progress
        await asyncio.sleep(0.01)
    pytest.fail(f"{state} did not come: {progress}")


async def _in_a_tick(server: Server) -> None:
    """Wait until a picture is with the engine."""
    queue = server.students["embedded"].queue
    for _ in range(1000):
        if queue.in_flight() and not queue.waiting():
            return
        await asyncio.sleep(0.01)
    pytest.fail("nothing came to the engine")


async def test_progress_and_interrupting(server: Server, http: httpx.AsyncClient, gate: Gate) -> None:
    """Progress is that of whoever asks; interrupted, a request is answered with what it has, and says so."""
    idle = (await http.get("/progress")).json()
    assert (idle["progress"], idle["state"]["job_count"]) == (0, 0)
    gate.shut()
    asking = asyncio.ensure_future(http.post("/txt2img", json={"prompt": "x", "n_iter": 3}))
    await _in_a_tick(server)
    busy = await _progress(http, job_count=3)
    assert (busy["progress"], busy["state"]["job_no"]) == (0.01, 0)
    assert busy["eta_relative"] > 0
    assert (await http.post("/skip")).json() == {}
    gate.open()
    skipped = json.loads((await asking).json()["info"])
    assert (len(skipped["all_seeds"]), skipped["interrupted"]) == (2, True)
    gate.shut()
    asking = asyncio.ensure_future(http.post("/txt2img", json={"prompt": "x", "n_iter": 3}))
    await _in_a_tick(server)
    assert (await http.post("/interrupt")).json() == {}
    stopped = (await asking).json()
    assert (stopped["images"], json.loads(stopped["info"])["interrupted"]) == ([], True)
    assert (await http.get("/progress")).json()["progress"] == 0


async def test_nobody_interrupts_another(server: Server, http: httpx.AsyncClient, gate: Gate) -> None:
    """What others have under way goes on, and is not seen."""
    gate.shut()
    asking = asyncio.ensure_future(http.post("/txt2img", json={"prompt": "x"}))
    await _progress(http, job_count=1)
    other = httpx.ASGITransport(make_app(server), client=("192.0.2.2", 1))
    async with httpx.AsyncClient(transport=other, base_url="http://localhost") as second:
        assert (await second.get(f"{BASE}/progress")).json()["state"]["job_count"] == 0
        await second.post(f"{BASE}/interrupt")
    gate.open()
    assert len((await asking).json()["images"]) == 1


async def test_png_info(http: httpx.AsyncClient) -> None:
    """The text that was written into a picture is read back."""
    painted = (await http.post("/txt2img", json={"prompt": "a boat: море, neon", "seed": 7})).json()
    said = (await http.post("/png-info", json={"image": f"data:image/png;base64,{painted['images'][0]}"})).json()
    assert said["info"] == json.loads(painted["info"])["infotexts"][0]
    assert (said["parameters"]["Prompt"], said["parameters"]["Seed"]) == ("a boat: море, neon", "7")


async def test_a_long_body(http: httpx.AsyncClient) -> None:
    """A body of megabytes is one with a picture in it: of commas and brackets it may have no more than prompts need."""
    body = b'{"prompt":"x","init_images":["' + b"[" * 1_000_000 + b'"]}'
    response = await http.post("/img2img", content=body, headers={"content-type": "application/json"})
    assert response.status_code == 400
    assert "commas, brackets and escapes" in response.json()["detail"]
    body = b'{"prompt":"x","init_images":["' + b"A" * 1_000_000 + b'"]}'
    response = await http.post("/img2img", content=body, headers={"content-type": "application/json"})
    assert "not" in response.json()["detail"]
