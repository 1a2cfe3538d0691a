"""Jobs with which workers fail: which of them it was is found out, that one is set aside, and the others are painted."""

import asyncio
import time

from server.types import Job, JobKind, Outcome, Result
from tests.server.waiting import until

from .conftest import PATIENCE, MakeSides, Sides

LIVE, STILL = JobKind.LIVE, JobKind.STILL


def _frame(number: int, series: str, owner: str = "me", seconds: float = 60.0) -> Job:
    now = time.monotonic()
    return Job(number, owner, "stream", (("a boat", 1.0),), 7, now, now + seconds, image=b"image", series=series)


def _still(number: int) -> Job:
    now = time.monotonic()
    return Job(number, "me", "openai", (("a boat", 1.0),), 7, now, now + 60)


async def _submit(sides: Sides, *jobs: Job) -> list["asyncio.Task[Result]"]:
    tasks = [asyncio.create_task(sides.submit(job)) for job in jobs]
    await sides.arrived()
    return tasks


async def _given(sides: Sides, kind: JobKind = LIVE, least: int = 1) -> list[int]:
    """The jobs that a worker with room for eight is given, once there are so many."""
    given: list[Job] = []
    async with asyncio.timeout(PATIENCE):
        while len(given) < least:
            given += await asyncio.to_thread(sides.take, kind, 8, 0.2)
    return sorted(job.id for job in given)


async def _nothing(sides: Sides) -> bool:
    """Whether a worker is given nothing now."""
    return not [job for kind in JobKind for job in await asyncio.to_thread(sides.take, kind, 8, 0.1)]


async def _paint(sides: Sides, *answers: "asyncio.Task[Result]", given: list[int]) -> None:
    """Paint these, and see that their answers come."""
    for number in given:
        sides.deliver(Result(number, Outcome.IMAGE, b"painted"))
    await until(lambda: all(answer.done() for answer in answers), PATIENCE)


async def test_a_stream_kills_workers(make_redis: MakeSides, hasty: None) -> None:
    """After two workers its frames are given to no other, and are answered so; with other params they are painted."""
    victims, sides = [make_redis(alive=False) for _ in range(2)], make_redis()
    for number, victim in enumerate(victims):
        [answer] = await _submit(sides, _frame(number, "poison"))
        assert await _given(victim) == [number]
        assert (await asyncio.wait_for(answer, PATIENCE)).outcome is Outcome.DROPPED_LATE

    async def told(number: int) -> Result:
        frame = asyncio.create_task(sides.submit(_frame(number, "poison", seconds=0.3)))
        assert await _nothing(sides)
        return await asyncio.wait_for(frame, PATIENCE)

    number, result = 10, await told(9)
    while result.outcome is Outcome.DROPPED_LATE:  # it may still be heard of
        number, result = number + 1, await told(number)
    assert (result.outcome, result.code) == (Outcome.FAILED, "set_aside")
    assert "frames of this stream" in result.message
    assert "params" in result.message
    [changed] = await _submit(sides, _frame(50, "changed"))
    await _paint(sides, changed, given=await _given(sides))
    assert (await told(51)).code == "set_aside"


async def test_they_were_in_its_hands_by_chance(make_redis: MakeSides, hasty: None) -> None:
    """What a dead worker had is painted alone once, by a worker that has nothing else then, and afterwards as ever."""
    dead, sides = make_redis(alive=False), make_redis()
    frames = await _submit(sides, _frame(1, "one", "me"), _frame(2, "other", "you"), _frame(3, "other", "you"))
    [still] = await _submit(sides, _still(4))
    assert await _given(dead, least=3) == [1, 2, 3]
    assert await _given(dead, STILL) == [4]
    assert {(await asyncio.wait_for(frame, PATIENCE)).outcome for frame in frames} == {Outcome.DROPPED_LATE}
    await until(lambda: sides.waiting() == 1, PATIENCE)
    frames = await _submit(sides, _frame(5, "one", "me"), _frame(6, "other", "you"))
    waiting, met = dict(zip((5, 6, 4), (*frames, still), strict=True)), list[int]()
    while len(met) < 3:
        for kind in (LIVE, STILL):
            if given := [job.id for job in await asyncio.to_thread(sides.take, kind, 8, 0.2)]:
                [number] = given
                assert await _nothing(sides)
                await _paint(sides, waiting[number], given=given)
                met += given
    assert sorted(met) == [4, 5, 6]
    frames = await _submit(sides, _frame(8, "one", "me"), _frame(9, "other", "you"))
    given = await _given(sides, least=2)
    assert given == [8, 9]
    await _paint(sides, *frames, given=given)


async def test_one_that_fails_now_and_then(make_redis: MakeSides) -> None:
    """Each time that a worker fails with others in its hands, too, they are painted alone more often."""
    sides = make_redis()
    numbers = iter(range(100))
    for often in (1, 4):
        frames = await _submit(sides, _frame(next(numbers), "one", "me"), _frame(next(numbers), "other", "you"))
        for job in await asyncio.to_thread(sides.take, LIVE, 8, PATIENCE):
            sides.give_back(job, blamed=True)
        for _ in range(2 * often):
            [alone] = await _given(sides)
            frames += await _submit(sides, _frame(next(numbers), "one", "me"), _frame(next(numbers), "other", "you"))
            sides.deliver(Result(alone, Outcome.IMAGE, b"painted"))
        given = await _given(sides, least=2)
        assert len(given) >= 2
        while not all(frame.done() for frame in frames):
            await _paint(sides, given=given)
            given = [job.id for job in await asyncio.to_thread(sides.take, LIVE, 8, 0.1)]
        assert {frame.result().outcome for frame in frames} == {Outcome.IMAGE}
