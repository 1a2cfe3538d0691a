"""fal's Python client, whose host is in the environment: its realtime connection, sync and async."""

import asyncio
import io
from typing import Any

import fal_client
from PIL import Image

APP = "fal-ai/fast-lcm-diffusion"
PICTURE = io.BytesIO()
Image.new("RGB", (256, 256), "red").save(PICTURE, "JPEG")


def check(answer: dict[str, Any], size: tuple[int, int], request: str) -> None:
    [image] = answer["images"]
    assert Image.open(io.BytesIO(image["content"])).size == (image["width"], image["height"]) == size
    assert answer["request_id"] == request


USUAL = {"prompt": "a boat", "seed": 6252023, "num_inference_steps": 4, "guidance_scale": 1, "enable_safety_checks": False}

with fal_client.realtime(APP, use_jwt=False) as connection:
    connection.send({**USUAL, "image_size": "square", "request_id": "1", "sync_mode": True})
    check(connection.recv(), (512, 512), "1")
    connection.send({**USUAL, "image_bytes": PICTURE.getvalue(), "strength": 0.5, "request_id": "2"})
    check(connection.recv(), (256, 256), "2")
    connection.send({"prompt": "x" * 5000})
    said = ""
    try:
        connection.recv()
    except fal_client.client.RealtimeError as error:
        said = error.error
    assert said == "INVALID_INPUT", said


async def later() -> None:
    async with fal_client.realtime_async(APP, use_jwt=False, max_buffering=5) as connection:
        for number in range(3):
            await connection.send({**USUAL, "request_id": str(number)})
            check(await connection.recv(), (256, 256), str(number))


asyncio.run(later())
print("done")
