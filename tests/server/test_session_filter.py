"""A session's filter: like frames are answered with repeats, and never with an image of other params."""

import asyncio
import threading
from typing import Any

import numpy as np
import pytest

from server import codec
from server.codec_pool import CodecPool
from server.types import Outcome
from wire import AnswerKind

from .hand import PATIENCE, Client, HandQueue


async def test_repeat(make_client: Any, encoded: Any) -> None:
    """Like frames are answered with repeats and cost no job, and after max_skips of them one is painted."""
    client = make_client(similar=True)
    client.params(similarity={"threshold": -1, "max_skips": 3, "max_seconds": 60})
    client.frame(0, encoded())
    await client.jobs(1)
    client.queue.answer(0)
    await client.until(lambda: client.answers)
    for number in range(1, 4):
        client.frame(number, encoded())
        await client.until(lambda n=number: len(client.answers) == n + 1)
    assert [a.kind for a in client.answers] == [AnswerKind.IMAGE] + [AnswerKind.REPEAT] * 3
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
    assert {a.kind for a in client.answers} == {AnswerKind.IMAGE}


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
    client, decode, gate = make_client(similar=True), codec.decode, threading.Event()
    client.params(similarity={"threshold": -1, "max_skips": 5}, prompt="old")
    monkeypatch.setattr(codec, "decode", lambda *args: gate.wait(PATIENCE) and decode(*args))
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


async def test_too_old_to_be_repeated(make_client: Any, encoded: Any) -> None:
    """However few were repeated, after half a second a frame is painted."""
    client = make_client(similar=True)
    client.frame(0, encoded())
    await client.jobs(1)
    client.queue.answer(0)
    await client.until(lambda: client.answers)
    client.now += 0.4
    client.frame(1, encoded())
    await client.until(lambda: len(client.answers) == 2)
    client.now += 0.2
    client.frame(2, encoded())
    await client.jobs(2)
    assert client.count(Outcome.REPEAT) == 1


async def test_a_new_connection_is_painted(encoded: Any) -> None:
    """A session that is taken up again has nothing that could be repeated."""
    pool = CodecPool(1)
    client = Client(HandQueue(), pool)
    for connection in range(2):
        painting = asyncio.ensure_future(client.session.paint())
        client.frame(0, encoded())
        await client.jobs(connection + 1)
        client.queue.answer(connection)
        await client.until(lambda wanted=connection + 1: len(client.answers) == wanted)
        painting.cancel()
        await asyncio.wait([painting])
    pool.shutdown()


async def test_nothing_changed_but_asked_for(make_client: Any, encoded: Any) -> None:
    """A params message without a change has the next frame painted: so a client says that its source is another."""
    client = make_client(similar=True)
    client.frame(0, encoded())
    await client.jobs(1)
    client.queue.answer(0)
    await client.until(lambda: client.answers)
    client.params()
    client.frame(1, encoded())
    await client.jobs(2)


@pytest.mark.parametrize(("idle", "jobs"), [(False, 1), (True, 2)])
async def test_in_doubt(make_client: Any, encoded: Any, idle: bool, jobs: int) -> None:
    """What may have changed is painted while the engine has nothing else to do, and repeated while it has."""
    flat = np.full((256, 256, 3), 100, np.uint8)
    doubtful = flat.copy()
    doubtful[:64, :64] += 3  # nine tenths of what is painted at this threshold, and a little more
    client = make_client(similar=True)
    client.idle = idle
    client.params(similarity={"threshold": 0.983})
    client.frame(0, encoded(flat, image_format="PNG"))
    await client.jobs(1)
    client.queue.answer(0)
    await client.until(lambda: client.answers)
    client.frame(1, encoded(doubtful, image_format="PNG"))
    await client.until(lambda: len(client.queue.jobs) + (client.count(Outcome.REPEAT) or 0) == 2)
    assert len(client.queue.jobs) == jobs


async def test_decoded_once(make_client: Any, encoded: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A frame is decoded once, and the job that it becomes carries the pixels and what they took."""
    decode, times = codec.decode, []
    monkeypatch.setattr(codec, "decode", lambda *args: times.append(1) or decode(*args))
    client = make_client(similar=True)
    client.frame(0, encoded())
    (job,) = await client.jobs(1)
    assert len(times) == 1
    assert job.pixels.shape == (256, 256, 3)
    assert job.decoding > 0


async def test_decoded_for_the_filter_only(make_client: Any, encoded: Any) -> None:
    """Where workers are elsewhere a frame is decoded here for the filter only, and by who paints it."""
    for similarity, decoded in ((None, 0), ({"threshold": 1.0}, 1)):
        client = make_client(similar=True, paints_here=False)
        client.params(similarity=similarity)
        client.frame(0, encoded())
        [job] = await client.jobs(1)
        assert (job.pixels is not None, job.image == encoded()) == (bool(decoded), True)
