"""Open WebUI: its requests, written as its source sends them (`routers/images.py`, November 2026), with its defaults."""

import base64
import json
from typing import Any

import httpx
import pytest


@pytest.fixture
def http(other: Any) -> Any:
    with httpx.Client(base_url=other.url, timeout=30, trust_env=False) as client:
        yield client


@pytest.mark.parametrize("model", ["dall-e-2", "gpt-image-1"])
@pytest.mark.parametrize("size", [None, "512x512", "1024x1024"])
def test_openai(http: httpx.Client, model: str, size: str | None) -> None:
    """Generation by the OpenAI engine: for models named as OpenAI's newer ones it names no response format.

    An address in an answer would be fetched, which its guard forbids where the server is in a private network.
    """
    data = {"model": model, "prompt": "a boat", "n": 1}
    data |= {"size": size} if size else {}
    data |= {} if model.startswith("gpt-image") else {"response_format": "b64_json"}
    answer = http.post(
        "/v1/images/generations", json=data, headers={"Authorization": "Bearer none", "Content-Type": "application/json"}
    )
    answer.raise_for_status()
    [image] = answer.json()["data"]
    assert "url" not in image
    assert base64.b64decode(image["b64_json"]).startswith(b"\x89PNG")


@pytest.mark.parametrize("name", ["image", "image[]"])
def test_openai_edits(http: httpx.Client, name: str, encoded: Any) -> None:
    """Editing by the OpenAI engine: a form whose picture may be one of a list."""
    data = {"model": "gpt-image-1", "prompt": "neon", "n": "1", "size": "512x512"}
    file = ("0b7d.jpg", encoded(), "image/jpeg")
    answer = http.post(
        "/v1/images/edits?api-version=2026-01-01", data=data, files=[(name, file)], headers={"Authorization": "Bearer x"}
    )
    answer.raise_for_status()
    assert answer.json()["data"][0]["b64_json"]


def test_automatic1111(http: httpx.Client) -> None:
    """The A1111 engine: it reads the options, lists models, sets one by all options at once, and asks for a picture."""
    headers = {"authorization": "Basic " + base64.b64encode(b"me:none").decode()}
    options = http.get("/sdapi/v1/options", headers=headers).json()
    models = http.get("/sdapi/v1/sd-models", headers=headers).json()
    assert [(model["title"], model["model_name"]) for model in models] == [("embedded", "embedded"), ("four", "four")]
    options["sd_model_checkpoint"] = models[0]["title"]
    http.post("/sdapi/v1/options", json=options, headers=headers).raise_for_status()
    data = {"prompt": "a boat", "batch_size": 2, "width": 512, "height": 512, "steps": 50, "negative_prompt": "ugly"}
    answer = http.post("/sdapi/v1/txt2img", json=data, headers=headers).json()
    assert [base64.b64decode(image)[:4] for image in answer["images"]] == [b"\x89PNG"] * 2
    assert json.loads(answer["info"])["not_honoured"] == ["negative_prompt", "steps"]
