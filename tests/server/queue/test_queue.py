"""The queue protocol, once for every implementation."""

import asyncio
import threading
import time
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from server.queue import MemoryQueue, QueueClosed, QueueFull
from server.types import Job, JobKind, Outcome, Result
from tests.server.waiting import until

from .conftest import PATIENCE, MakeSides, Sides

LATER = time.monotonic() + 3600


def _job(number: int, owner: str = "me", api: str = "stream", deadline: float = LATER) -> Job:
    blend = (("a boat", 0.5), ("море", 0.5))
    drawn: dict[str, Any] = {"image": b"\x00\xff", "strength": 0.5, "mask": b"\x00", "mask_blur": 2.5, "guidance": 2}
    told: dict[str, Any] = {"format": "webp", "quality": 80, "size": (640, 480)}
    named = {"session": "session", "request": "request", "trace": "trace"}
    return Job(number, owner, api, blend, 7, 1.5, deadline, **drawn, **told, **named)


async def _submitted(queue: Sides, *numbers: int, **more: Any) -> list["asyncio.Task[Result]"]:
    tasks = [asyncio.create_task(queue.submit(_job(n, **more))) for n in numbers]
    await queue.arrived()
    return tasks


def _take(queue: Sides, most: int = 100, timeout: float = 0.0, kind: JobKind = JobKind.LIVE) -> list[Job]:
    return queue.take(kind, most, timeout)


def _taken(queue: Sides, count: int) -> list[Job]:
    taken: list[Job] = []
    while len(taken) < count:
        got = _take(queue, count - len(taken), 5.0)
        assert got, "the queue gave nothing for 5 s"
        taken += got
    return taken


async def test_a_job_and_its_answer(make_queue: MakeSides) -> None:
    """A job comes out as it went in, its times by the taker's clock, and its result comes back to who submitted it."""
    queue, made = make_queue(), replace(_job(1), created=time.monotonic() - 3)
    answer = asyncio.create_task(queue.submit(made))
    await queue.arrived()
    [job] = await asyncio.to_thread(_taken, queue, 1)
    assert replace(job, created=made.created, deadline=made.deadline) == made
    assert (job.created, job.deadline) == pytest.approx((made.created, made.deadline), abs=1)
    result = Result(1, Outcome.IMAGE, b"\x00image", 3, code="x", message="y")
    await asyncio.to_thread(queue.deliver, result)
    assert await answer == result


async def test_oldest_first(make_queue: MakeSides) -> None:
    """Jobs leave in the order they came."""
    queue = make_queue()
    answers = await _submitted(queue, *range(10))
    assert [job.id for job in await asyncio.to_thread(_taken, queue, 10)] == list(range(10))
    for answer in answers:
        answer.cancel()


async def test_each_answer_to_its_own_job(make_queue: MakeSides) -> None:
    """Results delivered in any order reach the right waiter."""
    queue = make_queue()
    answers = await _submitted(queue, *range(20))
    await asyncio.to_thread(_taken, queue, 20)
    for number in reversed(range(20)):
        await asyncio.to_thread(queue.deliver, Result(number, Outcome.IMAGE, bytes([number])))
    assert [result.image for result in await asyncio.gather(*answers)] == [bytes([n]) for n in range(20)]


async def test_take_waits_for_a_job(make_queue: MakeSides) -> None:
    """A take that blocks is woken by a job."""
    queue = make_queue()
    taking = asyncio.ensure_future(asyncio.to_thread(_take, queue, 1, 60.0))
    await asyncio.sleep(0.02)
    began = time.perf_counter()
    (answer,) = await _submitted(queue, 1)
    assert [job.id for job in await taking] == [1]
    assert time.perf_counter() - began < 20
    answer.cancel()


async def test_take_gives_up(make_queue: MakeSides) -> None:
    """A take without jobs comes back empty after its timeout."""
    assert await asyncio.to_thread(_take, make_queue(), 1, 0.01) == []


async def test_two_takers(make_queue: MakeSides) -> None:
    """Two takers on one queue both get work, no job twice and none lost; none gets more than it asks for."""
    queue, taken = make_queue(), {"one": list[int](), "other": list[int]()}
    both_have_some = threading.Barrier(2)

    def take_some(name: str) -> None:
        while sum(map(len, taken.values())) < 60:
            got = _take(queue, 4, 0.01)
            assert len(got) <= 4
            if got and not taken[name]:
                both_have_some.wait(PATIENCE)
            taken[name] += [job.id for job in got]

    answers = await _submitted(queue, *range(60))
    await asyncio.gather(*(asyncio.to_thread(take_some, name) for name in taken))
    assert sorted(taken["one"] + taken["other"]) == list(range(60))
    for answer in answers:
        answer.cancel()


async def test_shares_hold_over_both_takers(make_queue: MakeSides) -> None:
    """However many takers there are, owners who wait have equal parts of what is taken, whoever has most waiting."""
    queue = make_queue(1000)
    greedy = await _submitted(queue, *range(200), owner="greedy")
    modest = [await _submitted(queue, *range(1000 * n, 1000 * n + 12), owner=f"modest {n}") for n in (1, 2, 3)]
    taken = [job.owner for _ in range(6) for taker in range(2) for job in _take(queue, 3 + taker)]
    assert len(taken) == 42
    shares = Counter(taken)
    assert set(shares) == {"greedy", "modest 1", "modest 2", "modest 3"}
    assert max(shares.values()) - min(shares.values()) <= 1
    for answer in (*greedy, *(one for more in modest for one in more)):
        answer.cancel()


async def test_live_frames_and_stills_wait_apart(make_queue: MakeSides) -> None:
    """Who takes live frames is not held up by stills, and the other way round."""
    queue = make_queue()
    answers = await _submitted(queue, 1, 2, api="openai") + await _submitted(queue, 3)
    assert [job.id for job in _take(queue)] == [3]
    assert _take(queue) == []
    assert [job.id for job in _take(queue, kind=JobKind.STILL)] == [1, 2]
    for answer in answers:
        answer.cancel()


async def test_late(make_queue: MakeSides) -> None:
    """A job that nobody takes by its deadline is answered without a taker, and is not given to one any more."""
    queue = make_queue()
    late, in_time = await _submitted(queue, 1, deadline=time.monotonic() + 0.02) + await _submitted(queue, 2)
    result = await asyncio.wait_for(late, 10)
    assert (result.outcome, result.code) == (Outcome.DROPPED_LATE, "late")
    assert [job.id for job in _take(queue)] == [2]
    in_time.cancel()


async def test_late_in_a_takers_hands(make_queue: MakeSides) -> None:
    """A job that was taken in time is the taker's to answer, however late."""
    queue = make_queue()
    deadline = time.monotonic() + 1
    [answer] = await _submitted(queue, 1, deadline=deadline)
    assert len(_take(queue)) == 1
    await asyncio.sleep(deadline + 0.1 - time.monotonic())
    assert not answer.done()
    queue.deliver(Result(1, Outcome.IMAGE))
    assert (await answer).outcome is Outcome.IMAGE


async def test_room(make_queue: MakeSides) -> None:
    """There is room while workers are not busy; then for owners with less than their part. Stills are not counted."""
    queue = make_queue()
    answers = await _submitted(queue, 1, 2, 3, api="openai") + await _submitted(queue, 11, 12, 13, owner="greedy")
    assert queue.has_room("greedy", 4)
    answers += await _submitted(queue, 21, owner="modest")
    assert not queue.has_room("greedy", 4)
    assert queue.has_room("modest", 4)
    answers += await _submitted(queue, 22, owner="modest")
    assert not queue.has_room("modest", 4)
    for answer in answers:
        answer.cancel()
    await asyncio.wait(answers)
    assert queue.has_room("greedy", 1)


async def test_full(make_queue: MakeSides) -> None:
    """A job over the capacity is refused, and taken again once one is answered."""
    queue = make_queue(2)
    answers = await _submitted(queue, 1, 2)
    with pytest.raises(QueueFull):
        await queue.submit(_job(3))
    await asyncio.to_thread(_taken, queue, 2)
    with pytest.raises(QueueFull):  # taken is not answered
        await queue.submit(_job(3))
    queue.deliver(Result(1, Outcome.IMAGE))
    await answers[0]
    (third,) = await _submitted(queue, 3)
    assert not third.done()
    for answer in (*answers, third):
        answer.cancel()


async def test_withdrawn(make_queue: MakeSides) -> None:
    """Who stops waiting withdraws the job: nobody takes it any more, and nobody wants it who had taken it."""
    queue = make_queue()
    stays, leaves, waits = await _submitted(queue, 1, 2, 3)
    assert [job.id for job in _take(queue, 2)] == [1, 2]
    for answer in (leaves, waits):
        answer.cancel()
    await asyncio.wait([leaves, waits])
    await until(lambda: queue.wanted([1, 2, 99]) == {1}, PATIENCE)
    assert _take(queue) == []
    assert queue.in_flight() == 1
    queue.deliver(Result(2, Outcome.IMAGE))
    queue.deliver(Result(1, Outcome.IMAGE))
    assert (await stays).job == 1


async def test_given_back(make_queue: MakeSides) -> None:
    """A job that its taker gives back is the next of its owner's again, and its owner's turn comes first."""
    queue = make_queue()
    answers = await _submitted(queue, 1, 2, owner="one") + await _submitted(queue, 3, 4, owner="other")
    [job] = _take(queue, 1)
    await until(lambda: queue.waiting() == 3, PATIENCE)
    queue.give_back(job)
    await until(lambda: queue.waiting() == 4, PATIENCE)
    assert [job.id for job in _take(queue, 4)] == [3, 1, 4, 2]
    queue.deliver(Result(1, Outcome.IMAGE))
    assert (await answers[0]).outcome is Outcome.IMAGE
    for answer in answers[1:]:
        answer.cancel()


async def test_given_back_by_who_had_all(make_queue: MakeSides) -> None:
    """An owner who has nothing else waiting is the next."""
    queue = make_queue()
    answers = await _submitted(queue, 1, owner="one") + await _submitted(queue, 3, 4, owner="other")
    [job] = _take(queue, 1)
    await until(lambda: queue.waiting() == 2, PATIENCE)
    queue.give_back(job)
    await until(lambda: queue.waiting() == 3, PATIENCE)
    assert [job.id for job in _take(queue, 4)] == [1, 3, 4]
    for answer in answers:
        answer.cancel()


async def test_a_result_for_nobody(make_queue: MakeSides) -> None:
    """A result that nobody waits for, or a second one, is let go."""
    queue = make_queue()
    queue.deliver(Result(77, Outcome.IMAGE))
    (answer,) = await _submitted(queue, 1)
    queue.deliver(Result(1, Outcome.IMAGE, b"first"))
    queue.deliver(Result(1, Outcome.IMAGE, b"second"))
    assert (await answer).image == b"first"


async def test_counts(make_queue: MakeSides) -> None:
    """What waits and what is in flight are told apart; across machines, after a moment."""
    queue = make_queue()
    answers = await _submitted(queue, 1, 2, 3)
    assert (queue.waiting(), queue.in_flight()) == (3, 3)
    await asyncio.to_thread(_taken, queue, 3)
    await until(lambda: queue.waiting() == 0, PATIENCE)
    assert queue.in_flight() == 3
    for number in (1, 2, 3):
        queue.deliver(Result(number, Outcome.IMAGE))
    await asyncio.gather(*answers)
    assert (queue.waiting(), queue.in_flight()) == (0, 0)


async def test_closed(make_queue: MakeSides) -> None:
    """Closing lets go who takes, and answers what still comes."""
    queue = make_queue()
    blocked = asyncio.ensure_future(asyncio.to_thread(_take, queue, 1, 60.0))
    await asyncio.sleep(0.02)
    began = time.perf_counter()
    queue.close()
    with pytest.raises(QueueClosed):
        await blocked
    assert time.perf_counter() - began < 20
    result = await queue.submit(_job(1))
    assert (result.outcome, result.code, queue.in_flight()) == (Outcome.FAILED, "shutting_down", 0)


async def test_closed_with_jobs(make_queue: MakeSides) -> None:
    """A job that waited when the queue was closed is answered; one that was taken is the taker's to answer."""
    queue = make_queue()
    taken, waiting = await _submitted(queue, 1, 2)
    assert [job.id for job in _take(queue, 1)] == [1]
    queue.close()
    result = await waiting
    assert (result.outcome, result.code) == (Outcome.FAILED, "shutting_down")
    queue.deliver(Result(1, Outcome.IMAGE))
    assert (await taken).outcome is Outcome.IMAGE


async def test_who_answers_is_told(make_queue: MakeSides) -> None:
    """Each job that the queue answers itself is told of once, whatever happens to it: late, withdrawn, or shut out."""
    told: list[tuple[int, str]] = []
    queue = make_queue(100, lambda job, result: told.append((job.id, result.code)))
    answers = await _submitted(queue, 1, deadline=time.monotonic() + 0.01) + await _submitted(queue, 2, 3, 4, 5)
    await answers[0]
    answers[1].cancel()
    await asyncio.wait([answers[1]])
    await until(lambda: len(told) == 2, PATIENCE)
    assert [job.id for job in _take(queue, 1)] == [3]
    queue.deliver(Result(3, Outcome.IMAGE))
    await answers[2]
    queue.close()
    await asyncio.gather(*answers[3:], queue.submit(_job(6)))
    assert sorted(told) == [(1, "late"), (2, "late"), *((number, "shutting_down") for number in (4, 5, 6))]


def test_delivery_after_the_loop() -> None:
    """A worker that delivers when the front end's loop is gone is not disturbed."""
    queue = MemoryQueue(10)
    loop = asyncio.new_event_loop()
    waiting = loop.create_task(queue.submit(_job(1)))
    loop.run_until_complete(asyncio.sleep(0))
    kept = dict(queue._answers)
    waiting.cancel()
    loop.run_until_complete(asyncio.wait([waiting]))
    loop.close()
    queue._answers.update(kept)
    queue.deliver(Result(1, Outcome.IMAGE))
    assert not queue.wanted([1])
