"""LiteLLM, by its names for OpenAI's models and for any server like it."""

import asyncio
import base64
import io
import sys

import litellm
from PIL import Image

address = sys.argv[1]
SERVER = {"api_base": f"{address}/v1", "api_key": "none"}
PICTURE = io.BytesIO()
Image.new("RGB", (256, 256), "red").save(PICTURE, "PNG")


def check(answer: object, count: int = 1) -> None:
    assert len(answer.data) == count, answer
    assert base64.b64decode(answer.data[0].b64_json).startswith(b"\x89PNG")


check(litellm.image_generation(prompt="a boat", model="openai/embedded", **SERVER))
check(
    litellm.image_generation(prompt="a boat", model="openai/dall-e-2", n=2, size="512x512", **SERVER),
    2,
)
check(litellm.image_generation(prompt="a boat", model="openai/dall-e-3", quality="hd", size="1024x1024", **SERVER))
check(litellm.image_generation(prompt="a boat", model="openai/gpt-image-1", quality="low", user="me", **SERVER))
check(asyncio.run(litellm.aimage_generation(prompt="a boat", model="openai/embedded", **SERVER)))
check(litellm.image_edit(image=io.BytesIO(PICTURE.getvalue()), prompt="neon", model="openai/embedded", **SERVER))
said = ""
try:
    litellm.image_generation(prompt="a boat", model="openai/embedded", n=20, **SERVER)
except litellm.BadRequestError as error:
    said = str(error)
assert "less than or equal to 10" in said, said
print("done")
