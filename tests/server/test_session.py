"""A session: newest wins, every frame is answered once and in order, and params count from the next frame."""

import asyncio
import threading
from dataclasses import replace
from typing import Any

from engines.student import Control
from engines.students import load_student
from server.codec_pool import CodecPool
from server.session import MOST_UNANSWERED, next_job_id
from server.types import Outcome, Timings
from wire import AnswerKind, FrameOut

from .hand import DEPTH, LIFE, PATIENCE, Client, HandQueue


async def test_an_image(make_client: Any, encoded: Any) -> None:
    """A frame becomes a job with the params in force, and its answer carries image, rows, revision and times."""
    client = make_client()
    client.params(prompt="a boat", seed=5, strength=0.25, format="webp", quality=70)
    client.frame(7, encoded())
    (job,) = await client.jobs(1)
    assert (job.prompt, job.seed, job.strength, job.format, job.quality) == ((("a boat", 1.0),), 5, 0.25, "webp", 70)
    assert (job.owner, job.api, job.image) == ("me", "stream", encoded())
    assert (job.session, job.request, job.trace) == (client.session.name, client.session.name, "")
    assert client.session.token not in repr(job)
    assert (job.created, job.deadline) == (1000.0, 1000.0 + LIFE)
    client.queue.answer(0, rows=3, timings=Timings(0.001, 0.002, 0.003, 0.004))
    await client.until(lambda: client.answers)
    assert client.answers == [FrameOut(7, AnswerKind.IMAGE, 3, 2, 1000, 2000, 3000, 4000, b"image 0")]


async def test_series(make_client: Any, encoded: Any) -> None:
    """Frames with the same params are of one series, wherever the session goes on; with others, or of another session, not."""
    client, other = make_client(), make_client()
    numbers = iter(range(100))

    async def series(of: Any) -> str:
        of.frame(next(numbers), encoded())
        await of.until(lambda: of.queue.jobs)
        job = of.queue.jobs[-1]
        of.queue.answer(len(of.queue.jobs) - 1)
        return str(job.series)

    of_first = {await series(client)}
    assert of_first == {client.session._series}
    client.params(seed=5)
    changed = client.session._series
    kept = client.session.kept()
    client.params(seed=6)
    assert client.session._series != changed
    other.params(seed=5)
    assert other.session._series not in {changed, *of_first}
    other.session.restore(kept)
    assert other.session._series == changed


async def test_eyes(make_client: Any, encoded: Any) -> None:
    """Frames of a student that cannot repaint are for its eyes alone; those of another may be for both."""
    student = load_student("embedded")
    controls = (Control("edges", "canny"),)
    stills_only = replace(student, contract=replace(student.contract, strengths="none"), controls=controls)
    seeing, both = make_client(student=stills_only), make_client(student=replace(student, controls=controls))
    both.params(eyes=[{"name": "edges", "scale": 0.5}], show="eyes", strength=0.25)
    for client in (seeing, both):
        client.frame(1, encoded())
    (seen,), (repainted,) = await seeing.jobs(1), await both.jobs(1)
    assert (seen.looks, seen.repaint, seen.show) == ((("edges", 1.0, ()),), False, "painting")
    assert (repainted.looks, repainted.repaint, repainted.show) == ((("edges", 0.5, ()),), True, "eyes")
    assert repainted.strength == 0.25


async def test_what_others_see(make_client: Any, encoded: Any) -> None:
    """Whoever watches sees the images in the order that the client gets them, and nothing of what is no image."""
    client = make_client()
    for number in (1, 2):
        client.frame(number, encoded(seed=number))
        await client.jobs(number)
    client.queue.answer(1)
    client.queue.answer(0)
    await client.until(lambda: len(client.answers) == 2)
    assert (client.session.feed.newest, client.session.feed.number) == (b"image 1", 2)
    client.frame(3, b"no image")
    await client.until(lambda: len(client.sent) == 3)
    assert client.session.feed.number == 2


async def test_newest_wins(make_client: Any, encoded: Any) -> None:
    """With all places taken a newer frame pushes the waiting one out, and each is answered once, in order."""
    client = make_client()
    for number in range(DEPTH):
        client.frame(number, encoded(seed=number))
        await client.jobs(number + 1)
    for number in range(DEPTH, 10):
        client.frame(number, encoded(seed=number))
    assert client.answers == []  # the drops wait for their turn
    for index in range(DEPTH):
        client.queue.answer(index)
    await client.jobs(DEPTH + 1)
    client.queue.answer(DEPTH)
    await client.until(lambda: len(client.answers) == 10)
    assert [a.id for a in client.answers] == list(range(10))
    assert [a.kind for a in client.answers] == [AnswerKind.IMAGE] * 2 + [AnswerKind.DROPPED] * 7 + [AnswerKind.IMAGE]
    assert client.queue.jobs[-1].image == encoded(seed=9)
    assert client.count(Outcome.DROPPED_NEWER) == 7


async def test_in_order(make_client: Any, encoded: Any) -> None:
    """An answer that is early waits for the one before it."""
    client = make_client()
    client.frame(1, encoded())
    await client.jobs(1)
    client.frame(2, encoded())
    await client.jobs(2)
    client.queue.answer(1)
    await asyncio.sleep(0.01)
    assert client.answers == []
    client.queue.answer(0)
    await client.until(lambda: len(client.answers) == 2)
    assert [a.id for a in client.answers] == [1, 2]


async def test_depth(make_client: Any, encoded: Any) -> None:
    """A session has no more jobs in flight than its depth."""
    client = make_client()
    for number in range(DEPTH + 1):
        client.frame(number, encoded())
        await client.jobs(min(number + 1, DEPTH))
    await asyncio.sleep(0.01)
    assert len(client.queue.jobs) == DEPTH
    client.queue.answer(0)
    await client.jobs(DEPTH + 1)


async def test_without_room(make_client: Any, encoded: Any) -> None:
    """On a full server a session has one job in flight, and never none."""
    client = make_client()
    client.room = False
    client.frame(0, encoded())
    await client.jobs(1)
    client.frame(1, encoded())
    await asyncio.sleep(0.01)
    assert len(client.queue.jobs) == 1
    client.queue.answer(0)
    await client.jobs(2)


async def test_rev(make_client: Any, encoded: Any) -> None:
    """Each change has a number, and an answer says with which its image was made, though others came since."""
    client = make_client()
    client.params(prompt="a")
    client.frame(0, encoded())
    await client.jobs(1)
    client.params(prompt="b")
    client.queue.answer(0)
    await client.until(lambda: client.answers)
    revs = [m["rev"] for m in client.sent if isinstance(m, dict)]
    assert revs == [2, 3]
    assert client.answers[0].rev == 2


async def test_params_answered_in_full(make_client: Any) -> None:
    """The answer to params is everything now in force."""
    client = make_client()
    client.params(prompt="a boat", seed=3)
    (message,) = client.sent
    assert message["type"] == "params"
    assert (message["prompt"], message["seed"], message["strength"], message["similarity"]) == ("a boat", 3, 0.5, None)


async def test_the_strength_of_a_style_and_unknown_words(make_client: Any, encoded: Any) -> None:
    """A frame is painted at the strength that goes with the prompt's style, and words that are not known are told."""
    student = replace(load_student("embedded"), style_strengths=(("ink", 0.75),))
    client = make_client(student=student, unknown=list)
    client.params(prompt="a zebu, in ink")
    assert (client.sent[-1]["strength"], client.sent[-1]["unknown"]) == (0.75, ["a zebu, in ink"])
    client.frame(1, encoded())
    (job,) = await client.jobs(1)
    assert job.strength == 0.75


async def test_a_client_that_sends_without_waiting(make_client: Any, encoded: Any) -> None:
    """With too many frames unanswered nothing more is read until one is answered."""
    client = make_client()
    for number in range(DEPTH):
        client.frame(number, encoded())
        await client.jobs(number + 1)
    await asyncio.wait_for(client.session.room_for_more(), PATIENCE)
    for number in range(DEPTH, MOST_UNANSWERED):
        client.frame(number, encoded())
    waiting = asyncio.ensure_future(client.session.room_for_more())
    await asyncio.sleep(0.01)
    assert not waiting.done()
    client.queue.answer(0)
    await asyncio.wait_for(waiting, PATIENCE)


async def test_a_frame_whose_turn_to_be_decoded_comes_too_late(make_client: Any, encoded: Any) -> None:
    """It is dropped at its deadline, whatever the decoder is busy with, and the next one is painted."""
    client: Any = make_client(patience=lambda steps: 0.05 if not client.sent else LIFE)
    going = threading.Event()
    client.session._pool._decoding.submit("me", lambda: going.wait())
    try:
        client.frame(1, encoded())
        await client.until(lambda: client.answers)
        assert [(a.id, a.kind) for a in client.answers] == [(1, AnswerKind.DROPPED)]
        assert client.count(Outcome.DROPPED_LATE) == 1
    finally:
        going.set()
    client.frame(2, encoded())
    await client.jobs(1)


async def test_leaving_withdraws(encoded: Any) -> None:
    """When the connection ends the jobs in flight are withdrawn, and the params stay for the next one."""
    pool = CodecPool(1)
    try:
        client = Client(HandQueue(), pool)
        client.params(similarity=None, prompt="kept")
        painting = asyncio.ensure_future(client.session.paint())
        for number in range(DEPTH):
            client.frame(number, encoded())
            await client.jobs(number + 1)
        painting.cancel()
        await asyncio.wait([painting])
        await client.until(lambda: len(client.queue.withdrawn) == DEPTH)
        assert client.answers == []
        painting = asyncio.ensure_future(client.session.paint())
        client.frame(0, encoded())  # ids start again with a connection
        assert (await client.jobs(DEPTH + 1))[-1].prompt == (("kept", 1.0),)
        client.queue.answer(DEPTH)
        await client.until(lambda: client.answers)
        assert [a.id for a in client.answers] == [0]
        painting.cancel()
        await asyncio.wait([painting])
    finally:
        pool.shutdown()


def test_job_ids_are_unique() -> None:
    """No two jobs have the same id."""
    ids = [next_job_id() for _ in range(1000)]
    assert len(set(ids)) == 1000
