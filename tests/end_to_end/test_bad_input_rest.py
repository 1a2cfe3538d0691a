"""Bad input on the REST routes: every error in OpenAI's shape, with the parameter and what would be right."""

import asyncio
import base64
import io
import json
from pathlib import Path
from typing import Any

import openai
import pytest
from PIL import Image

PATH = "/v1/images/generations"


def _error(response: Any, status: int) -> dict[str, Any]:
    """The error of an answer, after its shape was checked."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    body = response.json()
    assert body.keys() == {"error"}
    error: dict[str, Any] = body["error"]
    assert error.keys() == {"message", "type", "param", "code", "request_id"}
    assert error["request_id"] == response.headers["x-request-id"]
    assert error["message"]
    assert "Traceback" not in error["message"]
    assert len(error["message"]) < 500
    return error


def _picture(item: Any) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(item)))


async def test_the_official_client(server: Any) -> None:
    """OpenAI's own package lists the model and gets an image."""
    async with openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0) as client:
        models = [model async for model in client.models.list()]
        assert [model.id for model in models] == ["embedded"]
        assert (await client.models.retrieve("embedded")).id == "embedded"
        made = await client.images.generate(model="embedded", prompt="a red heart", n=2, size="256x256", output_format="png")
        assert made.data is not None
        assert [_picture(image.b64_json).size for image in made.data] == [(256, 256)] * 2
        assert made.data[0].b64_json != made.data[1].b64_json
        with pytest.raises(openai.NotFoundError, match="no model 'dall-e-3' here; there are: embedded"):
            await client.images.generate(model="dall-e-3", prompt="a boat")
        with pytest.raises(openai.BadRequestError, match="16 to 2048 pixels") as refused:
            await client.images.generate(prompt="a boat", size="4096x4096")
        assert (refused.value.code, refused.value.param) == ("invalid_size", "size")


@pytest.mark.parametrize(
    ("body", "param", "code", "says"),
    [
        ({}, "prompt", "invalid_value", "Field required"),
        ({"prompt": 5}, "prompt", "invalid_value", "string"),
        ({"prompt": None}, "prompt", "invalid_value", "string"),
        ({"prompt": "x" * 10_000}, "prompt", "prompt_too_long", "10000 characters; the most taken here is 2000"),
        ({"prompt": "x", "n": 0}, "n", "invalid_value", "greater than or equal to 1"),
        ({"prompt": "x", "n": 11}, "n", "invalid_value", "less than or equal to 10"),
        ({"prompt": "x", "n": "many"}, "n", "invalid_value", "integer"),
        ({"prompt": "x", "size": "4096x512"}, "size", "invalid_size", "16 to 2048 pixels"),
        ({"prompt": "x", "size": "big"}, "size", "invalid_value", "WIDTHxHEIGHT"),
        ({"prompt": "x", "size": "256x256\n"}, "size", "invalid_value", "WIDTHxHEIGHT"),
        ({"prompt": "x", "size": ""}, "size", "invalid_value", "WIDTHxHEIGHT"),
        ({"prompt": "x", "size": "9" * 50_000}, "size", "invalid_value", "WIDTHxHEIGHT"),
        ({"prompt": "x", "seed": -1}, "seed", "invalid_value", "greater than or equal to 0"),
        ({"prompt": "x", "seed": 2**32}, "seed", "invalid_value", "less than or equal to 4294967295"),
        ({"prompt": "x", "response_format": "file"}, "response_format", "invalid_value", "'b64_json' or 'url'"),
        ({"prompt": "x", "output_format": "gif"}, "output_format", "invalid_value", "'png', 'jpeg' or 'webp'"),
        ({"prompt": "x", "output_compression": 101}, "output_compression", "invalid_value", "100"),
        ({"prompt": "x", "stream": True, "response_format": "url"}, "response_format", "unsupported", "without stream"),
        ({"prompt": "x", "partial_images": 4}, "partial_images", "invalid_value", "less than or equal to 3"),
        ({"prompt": "x", "background": "transparent"}, "background", "unsupported", "opaque"),
        ({"prompt": "x", "negative_prompt": "ugly"}, "negative_prompt", "unsupported", "no negative prompts"),
        ({"prompt": "x", "colour": "red"}, "colour", "unknown_parameter", "unknown parameter 'colour'"),
        ({"prompt": "x", "k" * 50_000: 1}, "k" * 80, "unknown_parameter", "unknown parameter"),
    ],
    ids=lambda value: str(value)[:30],
)
async def test_bad_requests(server: Any, body: Any, param: str, code: str, says: str) -> None:
    """Each value that cannot be is a 400 that names its parameter."""
    async with server.http() as http:
        error = _error(await http.post(PATH, json=body), 400)
    assert (error["param"], error["code"], error["type"]) == (param, code, "invalid_request_error")
    assert says in error["message"]


@pytest.mark.parametrize(
    "body",
    [
        b"", b"nonsense", b"{", b"[]", b"null", b'"prompt"', b"\xff\xfe\x00", b"[" * 50_000,
        b'{"prompt":"x","seed":' + b"1" * 5000 + b"}",
        b'{"prompt":"x","n":NaN}', b'{"prompt":"\\ud800"}', b'{"prompt":"x","\\ud800":1}', b'{"prompt":"x","model":"\\ud800"}',
    ],
    ids=lambda value: repr(value[:30]),
)  # fmt: skip
async def test_bodies_that_are_none(server: Any, body: bytes) -> None:
    """A body that is not JSON, not an object, or says half characters is a 400, never a 500."""
    async with server.http() as http:
        response = await http.post(PATH, content=body, headers={"content-type": "application/json"})
    error = _error(response, 400)
    assert "None" not in error["message"]


async def test_unknown_student(server: Any) -> None:
    """A model that is not here is a 404 that says which is, by POST and by GET."""
    async with server.http() as http:
        for response in (await http.post(PATH, json={"prompt": "x", "model": "nobody"}), await http.get("/v1/models/nobody")):
            error = _error(response, 404)
            assert (error["code"], error["param"], error["type"]) == ("model_not_found", "model", "not_found_error")
            assert "'nobody'" in error["message"]
            assert "embedded" in error["message"]
        _error(await http.post(PATH, json={"prompt": "x", "model": "m" * 50_000}), 404)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/nothing", 404),
        ("GET", PATH, 405),
        ("DELETE", "/v1/models", 405),
        ("POST", "/", 405),
        ("GET", "/web/../server/app.py", 404),
    ],
)
async def test_no_such_route(server: Any, method: str, path: str, status: int) -> None:
    """A path or method that is not there is told in the same shape."""
    async with server.http() as http:
        _error(await http.request(method, path), status)


@pytest.mark.parametrize("prompt", ["", "🐱🌊🏠", "море", "\x00", "a red heart, watercolor", "x" * 2000])
async def test_odd_prompts(server: Any, prompt: str) -> None:
    """A prompt of nothing, of emoji, of the longest length is painted."""
    async with server.http() as http:
        response = await http.post(PATH, json={"prompt": prompt})
    assert response.status_code == 200
    assert _picture(response.json()["data"][0]["b64_json"]).size == (256, 256)


@pytest.mark.parametrize(("name", "kind"), [("png", "PNG"), ("jpeg", "JPEG"), ("webp", "WEBP")])
@pytest.mark.parametrize("compression", [0, 100])
async def test_formats(server: Any, name: str, kind: str, compression: int) -> None:
    """Each format comes as asked, at either end of its quality."""
    async with server.http() as http:
        response = await http.post(PATH, json={"prompt": "x", "output_format": name, "output_compression": compression})
    assert response.json()["output_format"] == name
    assert _picture(response.json()["data"][0]["b64_json"]).format == kind


async def test_the_seed_decides(server: Any) -> None:
    """A seed gives the same bytes again, and the second of two images is the first of the next seed."""
    async with server.http() as http:
        one = (await http.post(PATH, json={"prompt": "x", "seed": 2**32 - 1, "n": 2})).json()["data"]
        two = (await http.post(PATH, json={"prompt": "x", "seed": 0})).json()["data"]
    assert [item["seed"] for item in one] == [2**32 - 1, 0]
    assert one[1]["b64_json"] == two[0]["b64_json"]
    assert one[0]["b64_json"] != one[1]["b64_json"]


async def test_a_body_too_large(server: Any) -> None:
    """A request over the limit is a 413, declared or not, and nothing of it is kept."""

    async def endless() -> Any:
        for _ in range(100):
            yield b" " * 100_000

    async with server.http() as http:
        error = _error(await http.post(PATH, content=b" " * (8 << 20)), 413)
        assert error["code"] == "request_too_large"
    async with server.http() as http:
        _error(await http.post(PATH, content=endless(), headers={"content-type": "application/json"}), 413)
        assert (await http.post(PATH, json={"prompt": "x"})).status_code == 200


@pytest.mark.parametrize("fault", ["fake:error", "fake:nan", "fake:crash"])
async def test_an_engine_fault(server: Any, fault: str) -> None:
    """A still that fails in the engine is a 500 with the reason; those beside it are painted."""
    async with server.http() as http:
        prompts = ["a boat", fault, "a house", "a tree"]
        responses = await asyncio.gather(*(http.post(PATH, json={"prompt": prompt}) for prompt in prompts))
    assert [r.status_code for r in responses] == [200, 500, 200, 200]
    error = _error(responses[1], 500)
    assert (error["type"], error["code"]) == ("server_error", "engine_error")


async def test_one_who_goes_away(start: Any, tmp_path: Path) -> None:
    """A client that leaves takes its jobs with it."""
    gate = tmp_path / "gate"
    server = start("--engine", "fake", "--fake-gate", str(gate), "--batch-sizes", "1")
    _, writer = await asyncio.open_connection("127.0.0.1", server.port)
    body = json.dumps({"prompt": "x", "n": 10}).encode()
    head = f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    await server.metric_becomes(10, "allaprima_jobs_in_flight")
    writer.transport.abort()
    await server.metric_becomes(0, "allaprima_stills")
    gate.touch()
    await server.metric_becomes(0, "allaprima_jobs_in_flight")
    assert server.outcome("image") < 4
    async with server.http() as http:
        assert (await http.post(PATH, json={"prompt": "next"})).status_code == 200
    assert "Traceback" not in server.said()
    assert server.stop() == 0
