"""A server whose ticks overlap, as on a GPU: the same answers, in order, and no second counted twice."""

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import pytest

PATH = "/v1/images/generations"
FRAMES = 40


@pytest.fixture(scope="module")
def overlapping(start: Any) -> Iterator[Any]:
    server = start("--engine", "fake", "--fake-overlap", "true", "--fake-tick", "0.01", "--fake-row", "0.002")
    yield server
    assert server.stop() == 0
    assert "Traceback" not in server.said()


async def _user(server: Any, encoded: Any, prompt: str) -> list[Any]:
    """A user who keeps two frames in flight: the answers."""
    async with server.live() as user:
        await user.params(prompt=prompt, similarity=None)
        answers = []
        for number in (1, 2):
            await user.frame(number, encoded(seed=number))
        for number in range(3, FRAMES + 3):
            answers.append(await user.next())
            if number <= FRAMES:
                await user.frame(number, encoded(seed=number))
        return answers


async def test_users_side_by_side(overlapping: Any, encoded: Any) -> None:
    """Four users get all their answers in order; one whose frames crash every tick gets errors, and the others images.

    The seconds of ticks are those of the device, each once, however many were under way.
    """
    before = overlapping.metric("allaprima_tick_seconds_sum")
    began = time.perf_counter()
    prompts = ["a boat", "a house", "a tree", "fake:crash"]
    *good, crashing = await asyncio.gather(*(_user(overlapping, encoded, prompt) for prompt in prompts))
    elapsed = time.perf_counter() - began
    for answers in good:
        assert [answer.id for answer in answers] == list(range(1, FRAMES + 1))
        assert all(answer.image or answer.kind != 1 for answer in answers)
        assert sum(answer.kind == 1 for answer in answers) > FRAMES / 3
    assert {answer["code"] for answer in crashing if isinstance(answer, dict)} == {"engine_error"}
    assert 0 < overlapping.metric("allaprima_tick_seconds_sum") - before <= elapsed


async def test_stills_beside_them(overlapping: Any, encoded: Any) -> None:
    """Stills are painted beside a live user, and seeds give the bytes that they always give."""
    async with overlapping.http() as http:
        asked = {"prompt": "a red heart", "seed": 5, "n": 4, "response_format": "b64_json"}
        alone = (await http.post(PATH, json=asked)).json()["data"]
        beside, _ = await asyncio.gather(http.post(PATH, json=asked), _user(overlapping, encoded, "a boat"))
    assert [one["b64_json"] for one in beside.json()["data"]] == [one["b64_json"] for one in alone]
