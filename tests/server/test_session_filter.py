"""A session's filter: like frames are answered with repeats, and never with an image of other params."""

import asyncio
import threading
from typing import Any

import pytest

from server import codec
from server.types import Outcome
from wire import Kind

from .hand import PATIENCE


async def test_repeat(make_client: Any, encoded: Any) -> None:
    """Like frames are answered with repeats and cost no job, and after max_skips of them one is painted."""
    client = make_client(similar=True)
    client.params(similarity={"threshold": -1, "max_skips": 3})
    client.frame(0, encoded())
    await client.jobs(1)
    client.queue.answer(0)
    await client.until(lambda: client.answers)
    for number in range(1, 4):
        client.frame(number, encoded())
        await client.until(lambda n=number: len(client.answers) == n + 1)
    assert [a.kind for a in client.answers] == [Kind.IMAGE] + [Kind.REPEAT] * 3
    assert len(client.queue.jobs) == 1
    client.frame(4, encoded())
    await client.jobs(2)
    assert client.count(Outcome.REPEAT) == 3


@pytest.mark.parametrize("similarity", [None, {"max_skips": 0}, {"threshold": 1.0}])
async def test_no_repeat(make_client: Any, encoded: Any, similarity: Any) -> None:
    """With the filter off every frame is painted."""
    client = make_client(similar=True)
    client.params(similarity=similarity)
    for number in range(4):
        client.frame(number, encoded())
        await client.jobs(number + 1)
        client.queue.answer(number)
    await client.until(lambda: len(client.answers) == 4)
    assert {a.kind for a in client.answers} == {Kind.IMAGE}


async def test_new_params_end_repeats(make_client: Any, encoded: Any) -> None:
    """The first frame after a change is painted, however like the last it is."""
    client = make_client(similar=True)
    client.params(similarity={"threshold": -1})
    client.frame(0, encoded())
    await client.jobs(1)
    client.queue.answer(0)
    client.params(prompt="another")
    client.frame(1, encoded())
    assert (await client.jobs(2))[1].prompt == (("another", 1.0),)


async def test_params_while_a_frame_is_judged(make_client: Any, encoded: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Params that arrive during the filter's work count for that frame too, so that no repeat shows the old ones."""
    client, thumbnail, gate = make_client(similar=True), codec.thumbnail, threading.Event()
    client.params(similarity={"threshold": -1, "max_skips": 5}, prompt="old")
    monkeypatch.setattr(codec, "thumbnail", lambda *args: gate.wait(PATIENCE) and thumbnail(*args))
    client.frame(0, encoded())
    await asyncio.sleep(0.01)
    client.params(prompt="new")
    gate.set()
    (job,) = await client.jobs(1)
    assert job.prompt == (("new", 1.0),)
    client.queue.answer(0)
    await client.until(lambda: client.answers)
    assert client.answers[0].rev == 2


async def test_a_lost_image_is_not_repeated(make_client: Any, encoded: Any) -> None:
    """After a failure the next frame is painted: the client has no image of the like to repeat."""
    client = make_client(similar=True)
    client.params(similarity={"threshold": -1})
    client.frame(0, encoded())
    await client.jobs(1)
    client.queue.answer(0, Outcome.FAILED, code="engine_error", message="no")
    await client.until(lambda: client.errors)
    client.frame(1, encoded())
    await client.jobs(2)
