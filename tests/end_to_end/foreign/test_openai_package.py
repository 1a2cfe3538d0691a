"""OpenAI's own package, unmodified: each of its calls, each parameter as None, sync, async and streamed, each error."""

import asyncio
import base64
import inspect
import io
import typing
from typing import Any

import openai
import pytest
from openai.types import ImagesResponse, image_edit_params, image_generate_params
from PIL import Image


def _nullable(params: Any) -> list[str]:
    """Parameters that may be None, by the package's own types."""
    hints = typing.get_type_hints(params, include_extras=False)
    return [name for name, hint in hints.items() if type(None) in typing.get_args(hint)]


GENERATE = _nullable(image_generate_params.ImageGenerateParamsNonStreaming)
EDIT = _nullable(image_edit_params.ImageEditParamsNonStreaming)
VALUES = {
    "background": "opaque", "complexity": "low", "frame_count": 4, "frame_duration_ms": 100, "input_fidelity": "high",
    "model": "dall-e-3", "moderation": "low", "n": 2, "output_compression": 50, "output_format": "jpeg", "partial_images": 0,
    "quality": "hd", "response_format": "b64_json", "safety_identifier": "me", "size": "512x512", "stream": False,
    "style": "vivid", "svg": {"model": "some"}, "user": "me",
}  # fmt: skip
"""One of each, as people send it."""


@pytest.fixture
def client(other: Any) -> Any:
    with openai.OpenAI(base_url=f"{other.url}/v1", api_key="none", max_retries=0) as client:
        yield client


@pytest.fixture
async def later(other: Any) -> Any:
    async with openai.AsyncOpenAI(base_url=f"{other.url}/v1", api_key="none", max_retries=0) as client:
        yield client


def opened(image: Any) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(image.b64_json)))


def test_the_types_are_read() -> None:
    """Parameters that may be None were found, and there is a value for each."""
    assert {"n", "size", "quality", "stream"} <= set(GENERATE)
    assert set(GENERATE + EDIT) <= VALUES.keys()


@pytest.mark.parametrize("name", [*GENERATE, "all"])
def test_none_is_a_default(client: Any, name: str) -> None:
    """Each parameter may be None, and all at once."""
    none = dict.fromkeys(GENERATE if name == "all" else [name])
    [made] = client.images.generate(prompt="a boat", **none).data
    assert opened(made).size == (256, 256)


@pytest.mark.parametrize("name", [*EDIT, "all"])
def test_none_is_a_default_of_edits(client: Any, name: str, encoded: Any) -> None:
    """So it is with edits, whose bodies are forms."""
    none = dict.fromkeys(EDIT if name == "all" else [name])
    [made] = client.images.edit(prompt="a boat", image=encoded(), **none).data
    assert opened(made).size == (256, 256)


@pytest.mark.parametrize("name", VALUES)
def test_each_parameter_is_taken(client: Any, name: str, encoded: Any) -> None:
    """Each parameter may have a value that people send."""
    value = {name: VALUES[name]}
    if name in inspect.signature(client.images.generate).parameters:
        assert client.images.generate(prompt="a boat", **value).data
    if name in inspect.signature(client.images.edit).parameters:
        assert client.images.edit(prompt="a boat", image=encoded(), **value).data


def test_what_is_answered(client: Any, other: Any) -> None:
    """Sizes, formats, addresses and usage are as the package reads them; more fields go by `extra_body`."""
    made = client.images.generate(prompt="x", size="1024x1024", output_format="webp", n=2, extra_body={"seed": 7})
    assert made.size == "1024x1024"
    assert made.output_format == "webp"
    assert made.usage.output_tokens_details.image_tokens == made.usage.output_tokens == 2 * 32 * 32
    assert [opened(image).size for image in made.data] == [(1024, 1024)] * 2
    assert made.data[0].url.startswith(f"{other.url}/v1/images/files/")
    [only] = client.images.generate(prompt="x", response_format="url").data
    assert only.b64_json is None
    assert only.url.endswith(".png")


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")  # the package's own word on variations
def test_edits_and_variations(client: Any, encoded: Any, picture: Any) -> None:
    """A picture as bytes, as a file with a name, in a list; with a mask; and variations of it."""
    png = encoded(image_format="PNG")
    for image in (png, ("a.png", png), [("a.png", png, "image/png")], io.BytesIO(png)):
        assert client.images.edit(image=image, prompt="neon", extra_body={"strength": 0.7}).data
    clear = Image.fromarray(picture()).convert("RGBA")
    clear.putalpha(0)
    mask = io.BytesIO()
    clear.save(mask, "PNG")
    assert client.images.edit(image=png, mask=mask.getvalue(), prompt="neon", size="512x512").size == "512x512"
    assert len(client.images.create_variation(image=png, n=2, size="512x512", user="me").data) == 2


def test_streams(client: Any, encoded: Any) -> None:
    """A stream's last event has the picture; a student of more steps shows it on the way."""
    *_, last = client.images.generate(prompt="x", stream=True, partial_images=2)
    assert (last.type, last.size) == ("image_generation.completed", "256x256")
    assert opened(last).size == (256, 256)
    *partial, last = client.images.generate(prompt="x", model="four", stream=True, partial_images=2)
    assert [(event.type, event.partial_image_index) for event in partial] == [
        ("image_generation.partial_image", n) for n in (0, 1)
    ]
    assert last.type == "image_generation.completed"
    *_, last = client.images.edit(image=encoded(), prompt="x", stream=True)
    assert last.type == "image_edit.completed"
    assert last.usage.total_tokens > 0


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")
async def test_async(later: Any, encoded: Any) -> None:
    """The async client does the same."""
    assert (await later.images.generate(prompt="x", model="gpt-image-1")).data[0].url is None
    assert (await later.images.edit(image=encoded(), prompt="x")).data
    assert (await later.images.create_variation(image=encoded())).data
    events = [event async for event in await later.images.generate(prompt="x", stream=True)]
    assert events[-1].type == "image_generation.completed"
    assert "embedded" in [model.id async for model in later.models.list()]
    assert (await later.models.retrieve("dall-e-2")).id == "dall-e-2"


def test_without_a_version(other: Any, encoded: Any) -> None:
    """An address without /v1 serves as well."""
    with openai.OpenAI(base_url=other.url, api_key="none", max_retries=0) as client:
        assert client.images.generate(prompt="x").data
        assert client.images.edit(image=encoded(), prompt="x").data
        assert client.models.retrieve("embedded").id == "embedded"


@pytest.mark.parametrize(
    ("kind", "code", "asked"),
    [
        (openai.BadRequestError, "invalid_value", {"prompt": "x", "n": 20}),
        (openai.BadRequestError, "unknown_parameter", {"prompt": "x", "extra_body": {"colour": "red"}}),
        (openai.BadRequestError, "prompt_too_long", {"prompt": "x" * 5000}),
        (openai.BadRequestError, "invalid_size", {"prompt": "x", "size": "4096x4096"}),
        (openai.BadRequestError, "unsupported", {"prompt": "x", "background": "transparent"}),
        (openai.InternalServerError, "engine_error", {"prompt": "fake:error"}),
    ],
)
def test_errors(client: Any, kind: type[openai.APIStatusError], code: str, asked: Any) -> None:
    """Each fault is the package's own error, with a code."""
    with pytest.raises(kind) as error:
        client.images.generate(**asked)
    assert error.value.code == code
    assert error.value.request_id


async def test_errors_of_who_asks(start: Any) -> None:
    """So are a key that is wrong, a page that may not ask, a model that is not there, too much at once, and too little time."""
    server = start("--engine", "fake", "--fake-tick", "0.3", "--api-keys", "right", "--max-waiting", "1", "--public", "metrics")
    options: dict[str, Any] = {"base_url": f"{server.url}/v1", "api_key": "right", "max_retries": 0}
    async with openai.AsyncOpenAI(**options) as client:
        for kind, changed, more in (
            (openai.AuthenticationError, {"api_key": "wrong"}, {}),
            (openai.PermissionDeniedError, {"default_headers": {"Origin": "http://evil.example"}}, {}),
            (openai.NotFoundError, {}, {"model": "dall-e-3"}),
            (openai.BadRequestError, {}, {"n": 2}),
            (openai.APITimeoutError, {"timeout": 0.05}, {}),
        ):
            with pytest.raises(kind):
                await client.with_options(**changed).images.generate(prompt="x", **more)
        await server.metric_becomes(0, "allaprima_stills")
        one, other = await asyncio.gather(*(client.images.generate(prompt="x") for _ in range(2)), return_exceptions=True)
        refused = other if isinstance(one, ImagesResponse) else one
        assert isinstance(refused, openai.RateLimitError)
        assert refused.response.headers["retry-after"] == "1"
        await asyncio.to_thread(server.stop)
        with pytest.raises(openai.APIConnectionError):
            await client.images.generate(prompt="x")
