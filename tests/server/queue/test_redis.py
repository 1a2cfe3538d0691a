"""What the queue in Redis does beyond what all queues do: several front ends, workers that die, a server that has faults."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import redis

from benchmarks.redis_server import RedisServer
from server.queue import QueueClosed, QueueFull
from server.queue.redis import QueueError, RedisFrontQueue, RedisWorkerQueue
from server.queue.redis import front as front_module
from server.queue.redis import layout as redis_layout
from server.queue.redis import worker as worker_module
from server.queue.redis.connecting import check_server
from server.queue.redis.layout import Layout
from server.queue.redis.messages import SCHEMA, pack_job
from server.status import State, Status
from server.types import Job, JobKind, Outcome, Result
from tests.server.waiting import until

from .conftest import PATIENCE, MakeSides, Sides

LIVE, STILL = JobKind.LIVE, JobKind.STILL
READY = Status("embedded", State.READY, seconds={1: 0.02})


def _job(number: int, owner: str = "me", api: str = "openai", seconds: float = 60.0) -> Job:
    now = time.monotonic()
    return Job(number, owner, api, (("a boat", 1.0),), 7, now, now + seconds, image=b"image")


async def _submit(sides: Sides, *jobs: Job) -> list["asyncio.Task[Result]"]:
    tasks = [asyncio.create_task(sides.submit(job)) for job in jobs]
    await sides.arrived()
    return tasks


async def _take(sides: Sides, kind: JobKind = STILL, most: int = 100, timeout: float = 0.0) -> list[Job]:
    return await asyncio.to_thread(sides.take, kind, most, timeout)


async def _taken(sides: Sides, kind: JobKind = STILL) -> Job:
    """The next job, however long it takes to come."""
    [job] = await _take(sides, kind, 1, PATIENCE)
    return job


async def _give_up(answers: list["asyncio.Task[Result]"]) -> None:
    for answer in answers:
        answer.cancel()
    await asyncio.wait(answers)


@pytest.fixture
def raw(redis_server: RedisServer) -> Iterator["redis.Redis"]:
    """The server as anybody may use it."""
    with redis.Redis.from_url(redis_server.url, protocol=2) as client:
        yield client


@pytest.fixture
def own_server() -> Iterator[RedisServer]:
    """A server that a test may do anything to."""
    with RedisServer() as server:
        yield server


# several -----------------------------------------------------------------------------------------------------------------


async def test_answers_go_to_who_asked(make_redis: MakeSides) -> None:
    """Each front end has the answers to its own jobs, whichever worker painted them."""
    one, other = make_redis(), make_redis()
    mine, theirs = await _submit(one, _job(1)), await _submit(other, _job(2))
    for sides in (other, one):
        job = await _taken(sides)
        sides.deliver(Result(job.id, Outcome.IMAGE, b"%d" % job.id))
    assert [(await answer).image for answer in (*mine, *theirs)] == [b"1", b"2"]


async def test_shares_hold_over_front_ends(make_redis: MakeSides) -> None:
    """An owner who asks through several front ends has the same part as one who asks through one."""
    one, other = make_redis(), make_redis()
    answers = await _submit(one, *(_job(n, "greedy") for n in range(20)))
    answers += await _submit(other, *(_job(100 + n, "greedy") for n in range(20)), *(_job(200 + n, "modest") for n in range(8)))
    taken = [job.owner for sides in (one, other, one) for job in await _take(sides, most=4)]
    assert Counter(taken) == {"greedy": 6, "modest": 6}
    await _give_up(answers)


async def test_room_is_for_all(make_redis: MakeSides) -> None:
    """What is in flight at other front ends takes room here."""
    one, other = make_redis(), make_redis()
    answers = await _submit(other, _job(1, "theirs", "stream"), _job(2, "theirs", "stream"))
    front = one.front
    assert isinstance(front, RedisFrontQueue)
    await until(lambda: front.around.others_live == 2, PATIENCE)
    mine = await _submit(one, _job(3, "mine", "stream"))
    assert one.has_room("mine", 4)  # three of four are in flight
    assert not one.has_room("mine", 2)  # of two, half is theirs
    await _give_up(answers + mine)


async def test_workers_are_known(make_redis: MakeSides) -> None:
    """A front end knows who paints: those who are ready, until they leave."""
    sides = make_redis()
    front, worker = sides.front, sides.worker
    assert isinstance(front, RedisFrontQueue)
    assert isinstance(worker, RedisWorkerQueue)
    worker.announce(READY)
    await until(lambda: front.fleet().ready, PATIENCE)
    assert (front.fleet().workers, front.around.workers) == ((READY,), 1)
    await asyncio.to_thread(worker.leave, PATIENCE)
    await until(lambda: not front.fleet().workers, PATIENCE)
    assert "no worker serves" in str(front.fleet().not_ready())


async def test_other_builds_do_not_meet(make_redis: MakeSides, layout: Layout) -> None:
    """A worker of another version or build gets no job of ours, and the front end says what is wrong."""
    ours, theirs = make_redis(), make_redis(at=replace(layout, lane="2-other"))
    assert isinstance(theirs.worker, RedisWorkerQueue)
    await asyncio.to_thread(ours.worker.leave, PATIENCE)  # type: ignore[attr-defined]
    theirs.worker.announce(READY)
    front = ours.front
    assert isinstance(front, RedisFrontQueue)
    answers = await _submit(ours, _job(1))
    await until(lambda: "2-other" in str(front.fleet().not_ready()), PATIENCE)
    assert await _take(theirs) == []
    await _give_up(answers)


async def test_nothing_is_left_behind(make_redis: MakeSides, raw: "redis.Redis", layout: Layout) -> None:
    """When all is answered or withdrawn, nothing of it is in Redis any more, and what else is there has a time to end."""
    sides = make_redis()
    answers = await _submit(sides, *(_job(n, f"owner {n}", api) for n, api in enumerate(["stream", "openai"] * 4)))
    for kind in JobKind:
        for job in await _take(sides, kind, 3):
            sides.deliver(Result(job.id, Outcome.IMAGE))
    await until(lambda: sum(answer.done() for answer in answers) == 6, PATIENCE)
    await _give_up([answer for answer in answers if not answer.done()])
    assert not [job for kind in JobKind for job in await _take(sides, kind)]

    def left() -> set[str]:
        return {key.decode().removeprefix(layout.root).split(":")[1] for key in raw.scan_iter(f"{layout.root}:*")}

    await until(lambda: not left() - {"workers", "said", "fronts", "loads", "answers"}, PATIENCE)
    assert all(raw.pttl(key) > 0 for key in raw.scan_iter(f"{layout.root}:answers:*"))


@pytest.mark.parametrize("ahead", [60.0, -60.0])
async def test_clocks_that_differ(make_redis: MakeSides, monkeypatch: pytest.MonkeyPatch, ahead: float) -> None:
    """A worker whose clock is a minute ahead of the front end's, or behind it, has jobs of the same age and time left."""
    sides, here = make_redis(), time.monotonic
    began = here()
    [answer] = await _submit(sides, replace(_job(1), created=began - 3, deadline=began + 60))
    there = SimpleNamespace(monotonic=lambda: here() + ahead, sleep=time.sleep)
    monkeypatch.setattr(worker_module, "time", there)
    [job] = await _take(sides)
    passed, exact = here() - began, 0.01
    assert 3 - exact <= there.monotonic() - job.created <= 3 + passed + exact
    assert 60 - passed - exact <= job.deadline - there.monotonic() <= 60 + exact
    sides.deliver(Result(1, Outcome.IMAGE, b"painted"))
    assert (await answer).image == b"painted"


# workers and front ends that die -----------------------------------------------------------------------------------------


async def test_a_worker_dies(make_redis: MakeSides, hasty: None) -> None:
    """Of a worker that is not heard of any more, frames are answered as late and stills are another's; each has one answer."""
    dead, sides = make_redis(alive=False), make_redis()
    frame, still = await _submit(sides, _job(1, api="stream"), _job(2))
    assert [(await _taken(dead, kind)).id for kind in JobKind] == [1, 2]
    assert (await asyncio.wait_for(frame, PATIENCE)).outcome is Outcome.DROPPED_LATE
    again = await _taken(sides)
    assert again.id == 2
    sides.deliver(Result(2, Outcome.IMAGE, b"painted"))
    assert (await still).image == b"painted"


async def test_a_job_kills_workers(make_redis: MakeSides, hasty: None) -> None:
    """A still with which two workers died is set aside, with an answer that says so."""
    victims, sides = [make_redis(alive=False) for _ in range(2)], make_redis()
    [answer] = await _submit(sides, _job(1))
    for victim in victims:
        assert (await _taken(victim)).id == 1
    result = await asyncio.wait_for(answer, PATIENCE)
    assert (result.outcome, result.code) == (Outcome.FAILED, "set_aside")
    assert "two workers failed" in result.message


async def test_blamed(make_redis: MakeSides) -> None:
    """A job given back by two workers that failed on it is set aside, too; one that was only given back is not."""
    sides = make_redis()
    [answer] = await _submit(sides, _job(1))
    for blamed in (False, False, True, True):
        sides.give_back(await _taken(sides), blamed)
    assert (await asyncio.wait_for(answer, PATIENCE)).code == "set_aside"


async def test_a_worker_that_was_only_slow(make_redis: MakeSides, hasty: None) -> None:
    """One that was given up and answers after all answers first or not at all, and nobody paints the job any more."""
    slow, sides = make_redis(alive=False), make_redis()
    [answer] = await _submit(sides, _job(1))
    assert (await _taken(slow)).id == 1
    await until(lambda: sides.waiting() == 0, PATIENCE)
    await until(lambda: sides.waiting() == 1, PATIENCE)  # it is given up
    assert isinstance(slow.worker, RedisWorkerQueue)
    slow.worker.start()
    slow.deliver(Result(1, Outcome.IMAGE, b"after all"))
    assert (await answer).image == b"after all"
    assert await _take(sides) == []


async def test_given_and_not_heard_of(make_redis: MakeSides, hasty: None) -> None:
    """A job that was given to a worker whose connection broke at that moment is given again."""
    sides = make_redis()
    worker = sides.worker
    assert isinstance(worker, RedisWorkerQueue)
    [answer] = await _submit(sides, _job(1))
    await asyncio.to_thread(worker._takers[STILL].run, "take", "still", worker.name, 1)
    assert (await _taken(sides)).id == 1
    await _give_up([answer])


async def test_a_front_end_dies(make_redis: MakeSides, hasty: None) -> None:
    """Nobody paints for a front end that is not heard of any more."""
    dead, sides = make_redis(), make_redis()
    answers = await _submit(dead, _job(1))
    assert isinstance(dead.front, RedisFrontQueue)
    for task in dead.front._tasks:
        task.cancel()
    await asyncio.sleep(2)
    others = await _submit(sides, _job(2))
    assert [job.id for job in await _take(sides)] == [2]
    await _give_up(answers + others)


# a server that has faults ------------------------------------------------------------------------------------------------


async def test_emptied(make_redis: MakeSides, own_server: RedisServer) -> None:
    """A server that forgot everything, scripts too: stills are queued again, frames are late, and all goes on."""
    sides = make_redis(url=own_server.url)
    still, frame = await _submit(sides, _job(1), _job(2, api="stream"))
    own_server.kill()
    own_server.start()
    assert (await asyncio.wait_for(frame, PATIENCE)).outcome is Outcome.DROPPED_LATE
    sides.deliver(Result((await _taken(sides)).id, Outcome.IMAGE, b"again"))
    assert (await asyncio.wait_for(still, PATIENCE)).image == b"again"
    [more] = await _submit(sides, _job(3, api="stream"))
    sides.deliver(Result((await _taken(sides, LIVE)).id, Outcome.IMAGE, b"more"))
    assert (await more).image == b"more"


async def test_not_there(make_redis: MakeSides, own_server: RedisServer) -> None:
    """While nobody can be asked, frames are late at their time and the front end says why it cannot paint; then it goes on."""
    own_server.kill()
    sides = make_redis(url=own_server.url.replace("//", "//user:secret@"))
    front = sides.front
    assert isinstance(front, RedisFrontQueue)
    result = await asyncio.wait_for(sides.submit(_job(1, api="stream", seconds=0.5)), PATIENCE)
    assert result.outcome is Outcome.DROPPED_LATE
    assert "cannot be reached" in str(front.fleet().not_ready())
    assert "secret" not in str(front.fleet().not_ready())
    assert await _take(sides, timeout=0.2) == []


async def test_hanging(make_redis: MakeSides, own_server: RedisServer) -> None:
    """The same with a server that takes connections and does not answer."""
    sides = make_redis(url=own_server.url)
    front = sides.front
    assert isinstance(front, RedisFrontQueue)
    await until(lambda: front.reachable, PATIENCE)
    own_server.pause()
    assert (await sides.submit(_job(1, api="stream", seconds=0.5))).outcome is Outcome.DROPPED_LATE
    await until(lambda: not front.reachable, PATIENCE)
    own_server.go_on()
    await until(lambda: front.reachable, PATIENCE)
    [answer] = await _submit(sides, _job(2))
    sides.deliver(Result((await _taken(sides)).id, Outcome.IMAGE))
    assert (await answer).outcome is Outcome.IMAGE


async def test_full(make_redis: MakeSides, own_server: RedisServer) -> None:
    """A server without memory refuses new jobs, in a sentence. What it has is painted and answered, and workers stay known."""
    sides = make_redis(url=own_server.url)
    front = sides.front
    assert isinstance(front, RedisFrontQueue)
    assert isinstance(sides.worker, RedisWorkerQueue)
    sides.worker.announce(READY)
    answers = await _submit(sides, _job(1), _job(2))
    with redis.Redis.from_url(own_server.url) as client:
        client.config_set("maxmemory", "100kb")
        client.config_set("maxmemory-policy", "noeviction")
        with pytest.raises(QueueFull, match="memory is full"):
            await sides.submit(_job(3))
        job = await _taken(sides)
        sides.deliver(Result(job.id, Outcome.IMAGE, bytes(10_000)))
        assert (await answers[0]).outcome is Outcome.IMAGE
        sides.give_back(await _taken(sides))
        assert (await _taken(sides)).id == 2
        await asyncio.sleep(1.5)
        assert front.fleet().ready
        client.config_set("maxmemory", "0")
    [more] = await _submit(sides, _job(4))
    await _give_up([answers[1], more])


async def test_a_wrong_password(own_server: RedisServer, layout: Layout) -> None:
    """Who is not let in is told so, once and for all, and by no word that is secret."""
    with redis.Redis.from_url(own_server.url) as client:
        client.config_set("requirepass", "right")
    for url in (own_server.url, own_server.url.replace("//", "//:wrong@")):
        told: list[QueueError] = []
        worker = RedisWorkerQueue(url, layout, told.append)
        worker.start()
        await until(lambda told=told: told, PATIENCE)  # type: ignore[misc]
        assert "does not let us in" in str(told[0])
        assert "wrong" not in str(told[0]).replace("wrong number", "").replace("WRONGPASS", "")
        with pytest.raises(QueueClosed):
            worker.take(STILL, 1, 0.0)
        worker.leave(1.0)
        lost: list[int] = []
        front = RedisFrontQueue(url, layout, 10, on_fatal=lambda lost=lost: lost.append(1))  # type: ignore[misc]
        front.open()
        await until(lambda lost=lost: lost, PATIENCE)  # type: ignore[misc]
        assert "does not let us in" in front.fleet().lost
        await front.end()


def test_too_old() -> None:
    """A server that lacks what is needed is named, and so is what it should be."""
    with pytest.raises(QueueError, match=r"Redis 6\.0\.16; it must be 6\.2 or newer"):
        check_server({"redis_version": "6.0.16"})
    check_server({"redis_version": "7.2.4", "valkey_version": "8.0.1"})


async def test_memory_that_is_given_away(
    make_redis: MakeSides, own_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    """A server that would throw away what it holds is warned of."""
    with redis.Redis.from_url(own_server.url) as client:
        client.config_set("maxmemory", "1gb")
        client.config_set("maxmemory-policy", "allkeys-lru")
    make_redis(url=own_server.url)
    await until(lambda: "set maxmemory-policy noeviction, not allkeys-lru" in caplog.text, PATIENCE)


@pytest.mark.parametrize("at_front", [True, False])
async def test_too_large(
    make_redis: MakeSides, raw: "redis.Redis", layout: Layout, monkeypatch: pytest.MonkeyPatch, at_front: bool
) -> None:
    """A job over the limit is answered at once; one that came into the queue all the same reaches no worker."""
    monkeypatch.setattr(front_module if at_front else redis_layout, "MOST_BYTES", 1000)
    redis_layout.script.cache_clear()
    sides = make_redis()
    redis_layout.script.cache_clear()
    large, sound = await _submit(sides, replace(_job(1), image=bytes(2000)), _job(2))
    assert [job.id for job in await _take(sides)] == [2]
    result = await asyncio.wait_for(large, PATIENCE)
    assert (result.outcome, result.code) == (Outcome.FAILED, "too_large")
    await _give_up([sound])


# poison ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bytes_", "why"),
    [
        (b"", "cut off"),
        (b"\x01\x00\x00\x00\x00\x00nonsense", ""),
        (pack_job(_job(1))[:-3], ""),
        (pack_job(replace(_job(1), seed="x")), "seed"),  # type: ignore[arg-type]
        (pack_job(_job(2)), "it says it is 2"),
        ((SCHEMA + 1).to_bytes(2, "little") + pack_job(_job(1))[2:], f"schema {SCHEMA + 1}."),
    ],
    ids=["nothing", "nonsense", "cut off", "of another type", "another's", "newer"],
)
async def test_poisoned_jobs(make_redis: MakeSides, raw: "redis.Redis", layout: Layout, bytes_: bytes, why: str) -> None:
    """What is no job is answered in a sentence, and who comes after it is painted."""
    sides = make_redis()
    poisoned, sound = await _submit(sides, _job(1), _job(5))
    raw.hset(f"{layout.root}:job:1", "b", bytes_)
    assert [job.id for job in await _take(sides)] == [5]
    result = await asyncio.wait_for(poisoned, PATIENCE)
    assert (result.outcome, result.code) == (Outcome.FAILED, "unreadable")
    assert why in result.message
    await _give_up([sound])


@pytest.mark.parametrize(
    "key",
    [
        "line:still:me",
        "turns:still",
        "waiting:still",
        "bell:still",
        "job:1",
        "fronts",
        "workers",
        "said",
        "loads",
        "suspicion:1",
    ],
)
async def test_poisoned_keys(make_redis: MakeSides, raw: "redis.Redis", layout: Layout, key: str) -> None:
    """Whatever lies where something of ours should is thrown away, what waited there is queued again, and all goes on."""
    sides = make_redis()
    answers = await _submit(sides, _job(1))
    raw.set(f"{layout.root}:{key}", "nonsense")
    answers += await _submit(sides, _job(2, "other"))
    assert 2 in [job.id for job in await _take(sides)]
    sides.deliver(Result(2, Outcome.IMAGE))
    assert (await asyncio.wait_for(answers[1], PATIENCE)).outcome is Outcome.IMAGE
    await _give_up(answers)


async def test_poisoned_answers(
    make_redis: MakeSides, raw: "redis.Redis", layout: Layout, caplog: pytest.LogCaptureFixture
) -> None:
    """What is no answer is passed over, and said in the log."""
    sides = make_redis()
    front = sides.front
    assert isinstance(front, RedisFrontQueue)
    [answer] = await _submit(sides, _job(1))
    poison: list[dict[Any, Any]] = [{"x": "y"}, {"i": "one", "r": "z"}, {"i": "1", "r": b"\xff"}, {"i": "1", "v": b"\xff\xfe"}]
    for values in poison:
        raw.xadd(layout.answers(front.name), values)
    await _taken(sides)
    sides.deliver(Result(1, Outcome.IMAGE, b"painted"))
    assert (await asyncio.wait_for(answer, PATIENCE)).image == b"painted"
    assert caplog.text.count("could not be read") >= 1
