"""Stills by REST, in one process: what happens between the check at the door and the queue."""

import asyncio
import base64
import io
import json
import threading
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from engines.fake_engine import FakeEngine
from engines.student import Contract, Student
from server.api.openai import answers
from server.app import make_app
from server.server import Server, build_server
from server.settings import load_settings
from server.stills import Refused, Stills

PATH = "/v1/images/generations"


@pytest.fixture
async def server(student: Student) -> AsyncIterator[Server]:
    """A server whose worker has not started."""
    server = build_server(load_settings({"engine": "fake"}), [(student, lambda say: FakeEngine(student))])
    yield server
    await asyncio.to_thread(server.shut)


@pytest.fixture
async def http(server: Server) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(make_app(server))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client


async def _started(server: Server) -> None:
    server.start()
    for _ in range(1000):
        if server.not_ready() is None:
            return
        await asyncio.sleep(0.01)
    pytest.fail("the worker did not get ready")


def _outcome(server: Server, outcome: str) -> float | None:
    return server.metrics.registry.get_sample_value("allaprima_frames_total", {"student": "embedded", "outcome": outcome})


async def test_not_ready(server: Server, http: httpx.AsyncClient) -> None:
    """Before the engine is ready a still is a 503 that says when to try again, and no job waits."""
    response = await http.post(PATH, json={"prompt": "x"})
    assert (response.status_code, response.json()["error"]["code"]) == (503, "not_ready")
    assert response.headers["retry-after"]
    assert (await http.get("/readyz")).status_code == 503
    assert (await http.get("/healthz")).status_code == 200
    assert server.students["embedded"].queue.in_flight() == 0


async def test_images(server: Server, http: httpx.AsyncClient) -> None:
    """Three images are three jobs, each with its own times."""
    await _started(server)
    body = (await http.post(PATH, json={"prompt": "x", "n": 3})).json()
    assert len(body["data"]) == len(body["timings"]) == 3
    assert len({one["seed"] for one in body["data"]}) == 3
    assert all(base64.b64decode(one["b64_json"]).startswith(b"\x89PNG") for one in body["data"])
    assert (body["output_format"], body["size"]) == ("png", "256x256")
    assert _outcome(server, "image") == 3


async def test_megabytes_are_written_elsewhere(
    server: Server, http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer of megabytes is not written on the event loop's thread."""
    threads: list[int] = []

    def answer(*_: Any) -> bytes:
        threads.append(threading.get_ident())
        return b"{}"

    monkeypatch.setattr(answers.Answer, "json", answer)
    monkeypatch.setattr(answers, "_AT_ONCE", 0)
    await _started(server)
    assert (await http.post(PATH, json={"prompt": "x"})).json() == {}
    assert threads
    assert threading.get_ident() not in threads


@pytest.mark.parametrize("count", [1, 3])
async def test_a_queue_that_fills_behind_the_door(
    server: Server, http: httpx.AsyncClient, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the queue refuses what the door let in it is one 429 with when to try again, and every job is withdrawn."""
    await _started(server)
    monkeypatch.setattr(server.students["embedded"].queue, "_capacity", 0)
    response = await http.post(PATH, json={"prompt": "x", "n": count})
    assert response.status_code == 429, response.text
    assert response.json()["error"]["code"] == "server_busy"
    assert response.headers["retry-after"] == "1"
    assert _outcome(server, "refused") == 1
    assert server.students["embedded"].queue.in_flight() == 0


async def test_an_error_no_one_thought_of(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a 500 in the same shape, which says nothing of what happened inside."""
    await _started(server)

    def broken(*_: Any) -> Any:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(server.stills, "_jobs", broken)
    transport = httpx.ASGITransport(make_app(server), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        response = await client.post(PATH, json={"prompt": "x"}, headers={"X-Request-Id": "mine"})
    assert response.status_code == 500
    assert response.headers["x-request-id"] == response.json()["error"]["request_id"] == "mine"
    assert response.json()["error"]["code"] == "internal_error"
    assert "secret" not in response.text


async def test_a_queue_that_is_closed(server: Server, http: httpx.AsyncClient) -> None:
    """What comes while the server ends is told so, and not that there is no room."""
    await _started(server)
    server.students["embedded"].queue.close()
    response = await http.post(PATH, json={"prompt": "x", "n": 2})
    assert (response.status_code, response.json()["error"]["code"]) == (503, "shutting_down")


@pytest.mark.parametrize(
    ("sent", "base64s", "urls"),
    [
        ({}, True, True),
        ({"response_format": None}, True, True),
        ({"response_format": "b64_json"}, True, False),
        ({"response_format": "url"}, False, True),
        ({"model": "gpt-image-1"}, True, False),
        ({"model": "dall-e-2"}, True, True),
    ],
    ids=str,
)
async def test_by_address(aliased: httpx.AsyncClient, sent: dict[str, Any], base64s: bool, urls: bool) -> None:
    """Images are in the answer, at an address, or both where nothing is said; what is there needs no key, and is the same."""
    for picture in (await aliased.post(PATH, json={"prompt": "x", "n": 2, **sent})).json()["data"]:
        assert ("b64_json" in picture, "url" in picture) == (base64s, urls)
        if urls:
            assert picture["url"].startswith("http://localhost/v1/images/files/")
            fetched = await aliased.get(picture["url"])
            assert (fetched.status_code, fetched.headers["content-type"]) == (200, "image/png")
            assert not base64s or fetched.content == base64.b64decode(picture["b64_json"])


@pytest.fixture
async def aliased(student: Student) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a server that goes by any model's name."""
    settings = load_settings({"engine": "fake", "alias": "dall-e-3=embedded,*"})
    server = build_server(settings, [(student, lambda say: FakeEngine(student))])
    await _started(server)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(make_app(server)), base_url="http://localhost") as client:
        yield client
    await asyncio.to_thread(server.shut)


async def test_a_name_that_is_no_file(http: httpx.AsyncClient) -> None:
    """What is not kept, or not any more, is a 404 that says for how long files are."""
    for name in ("nothing.png", "x" * 1000):
        response = await http.get(f"/v1/images/files/{name}")
        assert response.status_code == 404
        assert "kept for 3600 s" in response.json()["error"]["message"]


async def test_images_that_have_no_room(server: Server, http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where those asked for by address have no room it is said; else they are in the answer alone."""
    await _started(server)
    monkeypatch.setattr(server.files, "_most", 10)
    refused = await http.post(PATH, json={"prompt": "x", "response_format": "url"})
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "response_format")
    assert "url" not in (await http.post(PATH, json={"prompt": "x"})).json()["data"][0]


async def test_aliases(aliased: httpx.AsyncClient, http: httpx.AsyncClient) -> None:
    """A student goes by its other names, and where any will do by any; else an unknown one is refused with the remedy."""
    for name in ("embedded", "dall-e-3", "gpt-image-9"):
        assert (await aliased.get(f"/v1/models/{name}")).json()["id"] == name
        assert (await aliased.post(PATH, json={"prompt": "x", "model": name})).status_code == 200
    refused = await http.post(PATH, json={"prompt": "x", "model": "dall-e-3"})
    assert "--alias dall-e-3=NAME" in refused.json()["error"]["message"]


@pytest.mark.parametrize(("size", "pixels"), [("512x512", (512, 512)), ("1792x1024", (1792, 1024)), ("auto", (256, 256))])
async def test_sizes(aliased: httpx.AsyncClient, size: str, pixels: tuple[int, int]) -> None:
    """What is asked for is answered, whatever the student paints, and the answer says both."""
    answer = (await aliased.post(PATH, json={"prompt": "x", "size": size, "response_format": "b64_json"})).json()
    assert (answer["size"], answer["painted_size"]) == (f"{pixels[0]}x{pixels[1]}", "256x256")
    assert Image.open(io.BytesIO(base64.b64decode(answer["data"][0]["b64_json"]))).size == pixels


async def test_exact_sizes(student: Student) -> None:
    """With --sizes exact no picture is resized."""
    server = build_server(load_settings({"engine": "fake", "sizes": "exact"}), [(student, lambda say: FakeEngine(student))])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(make_app(server)), base_url="http://localhost") as client:
        refused = await client.post(PATH, json={"prompt": "x", "size": "512x512"})
    assert "embedded paints 256x256 only" in refused.json()["error"]["message"]
    await asyncio.to_thread(server.shut)


async def test_without_effect(server: Server, http: httpx.AsyncClient) -> None:
    """An answer names the fields that were sent and changed nothing; null is as if nothing were sent."""
    await _started(server)
    sent = {"quality": "hd", "num_inference_steps": 30, "strength": 0.5, "user": None, "n": None, "size": None, "stream": None}
    answer = (await http.post(PATH, json={"prompt": "x", **sent})).json()
    assert answer["without_effect"] == ["quality", "strength", "num_inference_steps"]
    assert (await http.post(PATH, json={"prompt": "x", "num_inference_steps": 1})).json()["without_effect"] == []
    assert answer["usage"]["output_tokens"] == 32 * 32


async def test_usage(server: Server, http: httpx.AsyncClient) -> None:
    """A prompt's tokens are those of its text, once however many pictures; a picture's are the places of its latents."""
    await _started(server)
    for prompt, words in (("a boat", 2), ("a boat on the sea", 5), ("a boat", 2)):
        usage = (await http.post(PATH, json={"prompt": prompt, "n": 2})).json()["usage"]
        assert usage["input_tokens_details"] == {"text_tokens": words, "image_tokens": 0}
        assert (usage["output_tokens"], usage["total_tokens"]) == (2 * 32 * 32, words + 2 * 32 * 32)


async def test_without_a_version(server: Server, http: httpx.AsyncClient) -> None:
    """Clients whose address ends before /v1 are answered as well, in the same shape."""
    await _started(server)
    assert (await http.post(PATH.removeprefix("/v1"), json={"prompt": "x"})).status_code == 200
    assert (await http.get("/models")).json() == (await http.get("/v1/models")).json()
    error = (await http.post(PATH.removeprefix("/v1"), json={"prompt": "x", "guidance_scale": 7})).json()["error"]
    assert error["param"] == "guidance_scale"


async def test_events(server: Server, http: httpx.AsyncClient) -> None:
    """A stream has an event for each picture, whole."""
    await _started(server)
    response = await http.post(PATH, json={"prompt": "x", "stream": True, "n": 2})
    assert response.headers["content-type"].startswith("text/event-stream")
    events = response.text.strip().split("\n\n")
    assert len(events) == 2
    for event in events:
        kind, data = event.split("\n")
        assert kind == "event: image_generation.completed"
        body = json.loads(data.removeprefix("data: "))
        assert (body["type"], body["size"]) == ("image_generation.completed", "256x256")
        assert base64.b64decode(body["b64_json"]).startswith(b"\x89PNG")


@pytest.fixture
async def four(student: Student) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a student of four steps."""
    contract = Contract("flow", "flow", (1.0, 0.75, 0.5, 0.25), strengths="levels")
    few = replace(student, contract=contract)
    server = build_server(load_settings({"engine": "fake"}), [(few, lambda say: FakeEngine(few))])
    await _started(server)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(make_app(server)), base_url="http://localhost") as client:
        yield client
    await asyncio.to_thread(server.shut)


def _events(response: httpx.Response) -> list[Any]:
    return [json.loads(event.partition("data: ")[2]) for event in response.text.strip().split("\n\n")]


@pytest.mark.parametrize(("wanted", "shown"), [(0, 0), (1, 1), (2, 2), (3, 3)])
async def test_partial_images(four: httpx.AsyncClient, wanted: int, shown: int) -> None:
    """A student of more steps shows its picture on the way: what it is after so many of them; the last one is the picture."""
    asked = {"prompt": "x", "seed": 7, "stream": True, "partial_images": wanted}
    *partial, last = _events(await four.post(PATH, json=asked))
    assert [event["partial_image_index"] for event in partial] == list(range(shown))
    assert {event["type"] for event in partial} <= {"image_generation.partial_image"}
    assert (last["type"], last["without_effect"]) == ("image_generation.completed", [])
    whole = (await four.post(PATH, json={"prompt": "x", "seed": 7})).json()
    assert last["b64_json"] == whole["data"][0]["b64_json"]
    assert len({event["seed"] for event in (*partial, last)}) == 1


async def test_partial_images_of_an_edit(four: httpx.AsyncClient, encoded: Any) -> None:
    """A repainting that takes fewer steps shows fewer; of one step there is nothing to show before, and it is said."""
    files = {"image": ("a.jpg", encoded(), "image/jpeg")}
    for strength, shown in (("0.75", 2), ("0.25", 0)):
        data = {"prompt": "x", "stream": "true", "partial_images": "3", "strength": strength}
        *partial, last = _events(await four.post(EDITS, data=data, files=files))
        assert [event["type"] for event in partial] == ["image_edit.partial_image"] * shown
        assert last["type"] == "image_edit.completed"
        assert last["without_effect"] == ([] if shown else ["partial_images"])
    refused = await four.post(EDITS, data={**data, "strength": "0.6"}, files=files)
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "strength")


async def test_a_picture_that_fails_on_its_way(four: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """What goes wrong before the first look is an error like any other; after it, one more event."""
    asked = {"prompt": "fake:error", "stream": True, "partial_images": 1}
    refused = await four.post(PATH, json=asked)
    assert (refused.status_code, refused.json()["error"]["code"]) == (500, "engine_error")
    paint = Stills.paint

    async def failing(self: Stills, served: Any, asked: Any, *more: Any) -> Any:
        if asked.most_steps is None:
            raise Refused("timeout", "the server is overloaded")
        return await paint(self, served, asked, *more)

    monkeypatch.setattr(Stills, "paint", failing)
    shown, last = _events(await four.post(PATH, json={**asked, "prompt": "x"}))
    assert shown["type"] == "image_generation.partial_image"
    assert (last["type"], last["error"]["code"]) == ("error", "timeout")


EDITS = "/v1/images/edits"


async def test_edits(server: Server, http: httpx.AsyncClient, encoded: Any) -> None:
    """A picture is painted anew: at strength 0 it stays, at 1 nothing is left of it."""
    await _started(server)
    files = {"image": ("a.png", encoded(image_format="PNG"), "image/png")}
    answers = [
        (await http.post(EDITS, data={"prompt": "x", "seed": "7", "strength": str(strength)}, files=files)).json()
        for strength in (0, 1)
    ]
    plain = (await http.post(PATH, json={"prompt": "x", "seed": 7})).json()
    kept, new = (base64.b64decode(answer["data"][0]["b64_json"]) for answer in answers)
    assert new == base64.b64decode(plain["data"][0]["b64_json"])
    assert kept != new
    assert answers[0]["usage"]["input_tokens_details"]["image_tokens"] == 32 * 32


async def test_variations(server: Server, http: httpx.AsyncClient, encoded: Any) -> None:
    """Variations need no prompt."""
    await _started(server)
    files = {"image": ("a.jpg", encoded(), "image/jpeg")}
    answer = (await http.post("/v1/images/variations", data={"n": "2", "size": "512x512"}, files=files)).json()
    assert len({one["b64_json"] for one in answer["data"]}) == 2
    assert answer["size"] == "512x512"


async def test_masks(server: Server, http: httpx.AsyncClient, picture: Any) -> None:
    """Where a mask is transparent is painted anew, whole where nothing else is said; the rest stays as it was."""
    await _started(server)
    pixels = picture(1)
    alpha = np.full((256, 256, 1), 255, np.uint8)
    alpha[:, :128] = 0
    png, mask = _png(pixels), _png(np.concatenate([pixels, alpha], 2))
    form: dict[str, Any] = {"data": {"prompt": "x", "seed": "7"}, "files": {"image": ("a.png", png), "mask": ("m.png", mask)}}
    edited = _pixels((await http.post(EDITS, **form)).json())
    new = _pixels((await http.post(PATH, json={"prompt": "x", "seed": 7})).json())
    kept = await http.post(EDITS, data={"prompt": "x", "strength": "0"}, files={"image": ("a.png", png)})
    assert (edited[:, :128] == new[:, :128]).all()
    assert (edited[:, 128:] == _pixels(kept.json())[:, 128:]).all()
    form["files"]["mask"] = ("m.png", _png(pixels))
    refused = await http.post(EDITS, **form)
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "bad_mask")


def _png(pixels: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def _pixels(answer: Any) -> Any:
    return np.array(Image.open(io.BytesIO(base64.b64decode(answer["data"][0]["b64_json"]))))


@pytest.mark.parametrize(
    ("data", "names", "param", "says"),
    [
        ({"prompt": "x"}, (), "image", "send the picture"),
        ({"prompt": "x"}, ("image[]", "image[]"), "image", "one picture is repainted here, not 2"),
        ({"prompt": "x"}, ("image", "picture"), "picture", "send it without"),
        ({}, ("image",), "prompt", "Field required"),
        ({"prompt": "x", "n": "many"}, ("image",), "n", "valid integer"),
        ({"prompt": "x", "colour": "red"}, ("image",), "colour", "unknown parameter"),
        ({"prompt": "x", "strength": "2"}, ("image",), "strength", "less than or equal to 1"),
    ],
    ids=str,
)
async def test_forms_that_cannot_be(
    http: httpx.AsyncClient, encoded: Any, data: Any, names: tuple[str, ...], param: str, says: str
) -> None:
    """What is wrong with a form is said, in the same shape."""
    files = [(name, ("a.jpg", encoded(), "image/jpeg")) for name in names] or [("other", ("a", b"", "image/png"))]
    response = await http.post(EDITS, data=data, files=files)
    error = response.json()["error"]
    assert (response.status_code, error["param"]) == (400, param)
    assert says in error["message"]


async def test_a_picture_that_is_none(server: Server, http: httpx.AsyncClient) -> None:
    """What is no picture is a 400 that says so."""
    await _started(server)
    response = await http.post(EDITS, data={"prompt": "x"}, files={"image": ("a.png", b"nonsense", "image/png")})
    assert (response.status_code, response.json()["error"]["code"]) == (400, "bad_image")


async def test_edits_take_forms_only(http: httpx.AsyncClient) -> None:
    """JSON where a form is wanted is a 415 that says what to send."""
    response = await http.post(EDITS, json={"prompt": "x"})
    assert response.status_code == 415
    assert "multipart/form-data" in response.json()["error"]["message"]
