"""What people ask for and what they are sent is in no log, whatever its level, and whether it goes well or not."""

import asyncio
import base64
import json
import logging
from typing import Any

import pytest

from server.types import Ending

from .conftest import client

SECRET = "a portrait of my neighbour"


async def _stills(app: Any, image: bytes) -> list[int]:
    """Asked for by three APIs, in good ways and in wrong ones; the statuses."""
    statuses = []
    async with client(app) as asking:
        for path, body in (
            ("/v1/images/generations", {"prompt": SECRET}),
            ("/v1/images/generations", {"prompt": SECRET, "n": 99}),
            ("/v1/images/generations", {"prompt": [SECRET]}),
            ("/v1/images/generations", {"prompt": SECRET * 1000}),
            ("/v1/images/generations", {"prompt": SECRET, "negative_prompt": SECRET}),
            ("/sdapi/v1/txt2img", {"prompt": SECRET}),
            ("/sdapi/v1/img2img", {"prompt": SECRET, "init_images": [base64.b64encode(image).decode()]}),
            ("/sdapi/v1/img2img", {"prompt": SECRET, "init_images": [SECRET]}),
        ):
            statuses.append((await asking.post(path, json=body)).status_code)
    return statuses


async def _live(server: Any, image: bytes) -> None:
    """A session that says things right and wrong, and shows pictures and what is none."""
    session = await server.sessions.enter("me", None, lambda: server.served(None).make_session("me"))
    sent: list[Any] = []
    session.send = sent.append
    painting = asyncio.ensure_future(session.paint())
    for text in (
        json.dumps({"type": "params", "prompt": SECRET}),
        json.dumps({"type": "params", "prompt": SECRET, "seed": SECRET}),
        json.dumps({"type": SECRET}),
        SECRET,
    ):
        session.text(text)
    for number, frame in enumerate((image, SECRET.encode()), 1):
        session.frame(number.to_bytes(4, "little") + frame)
        async with asyncio.timeout(20):
            while len(sent) < 4 + number:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
    painting.cancel()
    await asyncio.gather(painting, return_exceptions=True)
    server.sessions.leave(session, Ending.LEFT)


async def test_nothing_of_it_is_logged(make: Any, encoded: Any, caplog: pytest.LogCaptureFixture) -> None:
    """No prompt and no image is in any line, of all that all libraries would say."""
    app, server = await make(alias="*")
    server.start()
    with caplog.at_level(logging.DEBUG):
        async with asyncio.timeout(20):
            while server.not_ready() is not None:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        statuses = await _stills(app, encoded())
        await _live(server, encoded())
    said = "\n".join(
        f"{record.getMessage()} {record.__dict__.get('fields', '')} {record.exc_text or ''}" for record in caplog.records
    )
    assert {200, 400} <= set(statuses)
    assert "session ended" in said
    assert "refused" in said
    for private in (SECRET, base64.b64encode(SECRET.encode()).decode()[:20], base64.b64encode(encoded()).decode()[:40]):
        assert private not in said
