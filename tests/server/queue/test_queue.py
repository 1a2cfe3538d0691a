"""The queue protocol, once for every implementation."""

import asyncio
import threading
import time
from collections.abc import Callable

import pytest

from server.queue import JobQueue, MemoryQueue, QueueFull
from server.types import Job, Outcome, Result

QUEUES: dict[str, Callable[[int], JobQueue]] = {"memory": MemoryQueue}
"""Every implementation: from a capacity to a queue."""

MakeQueue = Callable[..., JobQueue]


@pytest.fixture(params=QUEUES)
def make_queue(request: pytest.FixtureRequest) -> MakeQueue:
    """`make_queue(capacity)`."""
    return lambda capacity=100: QUEUES[request.param](capacity)


def _job(number: int) -> Job:
    return Job(number, "me", "stream", (("a boat", 0.5), ("море", 0.5)), 7, 1.5, 2.5, b"\x00\xff", 0.5, "webp", 80)


async def _submitted(queue: JobQueue, *numbers: int) -> list["asyncio.Task[Result]"]:
    tasks = [asyncio.create_task(queue.submit(_job(n))) for n in numbers]
    await asyncio.sleep(0)
    return tasks


def _taken(queue: JobQueue, count: int) -> list[Job]:
    taken: list[Job] = []
    while len(taken) < count:
        got = queue.take(5.0)
        assert got, "the queue gave nothing for 5 s"
        taken += got
    return taken


async def test_a_job_and_its_answer(make_queue: MakeQueue) -> None:
    """A job comes out as it went in, and its result comes back to who submitted it."""
    queue = make_queue()
    (answer,) = await _submitted(queue, 1)
    assert await asyncio.to_thread(_taken, queue, 1) == [_job(1)]
    result = Result(1, Outcome.IMAGE, b"\x00image", 3, code="x", message="y")
    await asyncio.to_thread(queue.deliver, result)
    assert await answer == result


async def test_oldest_first(make_queue: MakeQueue) -> None:
    """Jobs leave in the order they came."""
    queue = make_queue()
    answers = await _submitted(queue, *range(10))
    assert [job.id for job in await asyncio.to_thread(_taken, queue, 10)] == list(range(10))
    for answer in answers:
        answer.cancel()


async def test_each_answer_to_its_own_job(make_queue: MakeQueue) -> None:
    """Results delivered in any order reach the right waiter."""
    queue = make_queue()
    answers = await _submitted(queue, *range(20))
    await asyncio.to_thread(_taken, queue, 20)
    for number in reversed(range(20)):
        await asyncio.to_thread(queue.deliver, Result(number, Outcome.IMAGE, bytes([number])))
    assert [result.image for result in await asyncio.gather(*answers)] == [bytes([n]) for n in range(20)]


async def test_take_waits_for_a_job(make_queue: MakeQueue) -> None:
    """A take that blocks is woken by a job."""
    queue = make_queue()
    taking = asyncio.ensure_future(asyncio.to_thread(queue.take, 10.0))
    await asyncio.sleep(0.02)
    began = time.perf_counter()
    (answer,) = await _submitted(queue, 1)
    assert [job.id for job in await taking] == [1]
    assert time.perf_counter() - began < 2
    answer.cancel()


async def test_take_gives_up(make_queue: MakeQueue) -> None:
    """A take without jobs comes back empty after its timeout."""
    assert await asyncio.to_thread(make_queue().take, 0.01) == []


async def test_a_job_is_taken_once(make_queue: MakeQueue) -> None:
    """Two takers share the jobs and none is given twice."""
    queue, taken, lock = make_queue(), [], threading.Lock()

    def take_some() -> None:
        for _ in range(20):
            got = queue.take(0.01)
            with lock:
                taken.extend(job.id for job in got)

    takers = [asyncio.ensure_future(asyncio.to_thread(take_some)) for _ in range(2)]
    answers = []
    for number in range(50):
        answers += await _submitted(queue, number)
    await asyncio.gather(*takers)
    taken += [job.id for job in queue.take(0.0)]
    assert sorted(taken) == list(range(50))
    for answer in answers:
        answer.cancel()


async def test_full(make_queue: MakeQueue) -> None:
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


async def test_withdrawn(make_queue: MakeQueue) -> None:
    """Who stops waiting withdraws the job: nobody wants it, and its result is let go."""
    queue = make_queue()
    stays, leaves = await _submitted(queue, 1, 2)
    leaves.cancel()
    await asyncio.wait([leaves])
    assert (queue.wanted(1), queue.wanted(2)) == (True, False)
    assert queue.in_flight() == 1
    queue.deliver(Result(2, Outcome.IMAGE))
    queue.deliver(Result(1, Outcome.IMAGE))
    assert (await stays).job == 1


async def test_a_result_for_nobody(make_queue: MakeQueue) -> None:
    """A result that nobody waits for, or a second one, is let go."""
    queue = make_queue()
    queue.deliver(Result(77, Outcome.IMAGE))
    (answer,) = await _submitted(queue, 1)
    queue.deliver(Result(1, Outcome.IMAGE, b"first"))
    queue.deliver(Result(1, Outcome.IMAGE, b"second"))
    assert (await answer).image == b"first"


async def test_counts(make_queue: MakeQueue) -> None:
    """What waits and what is in flight are told apart."""
    queue = make_queue()
    answers = await _submitted(queue, 1, 2, 3)
    assert (queue.waiting(), queue.in_flight()) == (3, 3)
    await asyncio.to_thread(_taken, queue, 3)
    assert (queue.waiting(), queue.in_flight()) == (0, 3)
    for number in (1, 2, 3):
        queue.deliver(Result(number, Outcome.IMAGE))
    await asyncio.gather(*answers)
    assert (queue.waiting(), queue.in_flight()) == (0, 0)


async def test_closed(make_queue: MakeQueue) -> None:
    """Closing wakes who takes, gives what was there, refuses what comes, and still answers."""
    queue = make_queue()
    blocked = asyncio.ensure_future(asyncio.to_thread(queue.take, 10.0))
    await asyncio.sleep(0.02)
    began = time.perf_counter()
    queue.close()
    assert await blocked == []
    assert time.perf_counter() - began < 2
    with pytest.raises(QueueFull, match="shutting down"):
        await queue.submit(_job(1))


async def test_closed_with_jobs(make_queue: MakeQueue) -> None:
    """A job that waited when the queue was closed can be taken and answered."""
    queue = make_queue()
    (answer,) = await _submitted(queue, 1)
    queue.close()
    assert [job.id for job in await asyncio.to_thread(queue.take, 0.0)] == [1]
    queue.deliver(Result(1, Outcome.FAILED, code="shutting_down"))
    assert (await answer).code == "shutting_down"


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
    assert not queue.wanted(1)
