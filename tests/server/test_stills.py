"""Stills: one room for all APIs, a bound for all and one for each owner; a refusal says why and when to come back."""

import asyncio
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from engines.student import Control, Student
from server.judge import Ask, Unfit
from server.keys import Allowance, Keys
from server.metrics import Metrics
from server.places import Places
from server.queue import QueueFull
from server.rates import Rates
from server.settings import load_settings
from server.status import State, Status
from server.stills import Asked, Refused, Stills
from server.types import Job, Outcome, Result

PROMPT = (("a boat", 1.0),)


class HandQueue:
    """A queue whose jobs are answered by hand."""

    def __init__(self) -> None:
        self.jobs: dict[int, tuple[Job, asyncio.Future[Result]]] = {}
        self.full, self.live = False, 0

    async def submit(self, job: Job) -> Result:
        if self.full:
            raise QueueFull("too many images are waiting")
        answer: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self.jobs[job.id] = job, answer
        try:
            return await answer
        finally:
            del self.jobs[job.id]

    def in_flight(self) -> int:
        return len(self.jobs) + self.live

    def answer(self, outcome: Outcome = Outcome.IMAGE, **more: Any) -> None:
        """Answer all that wait."""
        for job, answer in list(self.jobs.values()):
            answer.set_result(Result(job.id, outcome, b"image", **more))


class Room:
    """A room of ten stills, five for each owner, before a student whose row takes a second."""

    def __init__(self, student: Student, keys: Keys | None = None, **flags: str) -> None:
        self.queue, self.metrics = HandQueue(), Metrics()
        self.status = Status(student.name, State.READY, seconds={1: 2.0, 4: 4.0})
        settings = load_settings({"engine": "fake", "max_waiting": "10", "max_waiting_per_owner": "5", **flags})
        keys = Keys() if keys is None else keys
        self.stills = Stills(settings, self.metrics, keys, Rates(settings.rate, keys), Places(None))
        self.served: Any = SimpleNamespace(
            student=student,
            queue=self.queue,
            status=lambda: self.status,
            not_ready=lambda: self.status.not_ready(),
            metrics=self.metrics.of(student.name),
        )

    def ask(self, owner: str = "me", **more: Any) -> "asyncio.Task[Any]":
        asked = replace(Asked("openai", owner, Ask(["a boat"]), PROMPT), **more)
        return asyncio.ensure_future(self.stills.paint(self.served, asked))

    async def refusal(self, **more: Any) -> Refused:
        with pytest.raises(Refused) as refused:
            await self.ask(**more)
        return refused.value


@pytest.fixture
def room(student: Student) -> Room:
    return Room(student)


async def test_painted(room: Room) -> None:
    """Stills come in order, each with its seed, and their room is free again."""
    asking = room.ask(count=3, seed=2**32 - 2, format="webp", quality=7, request="req", trace="trace")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    [job, *_] = [job for job, _ in room.queue.jobs.values()]
    assert (job.api, job.owner, job.prompt, job.format, job.quality) == ("openai", "me", PROMPT, "webp", 7)
    assert (job.request, job.trace, job.session, round(job.deadline - job.created, 6)) == ("req", "trace", "", 30)
    assert room.stills.taken == 3
    room.queue.answer()
    assert [still.seed for still in await asking] == [2**32 - 2, 2**32 - 1, 0]
    assert room.stills.taken == 0


async def test_a_picture_to_repaint(room: Room) -> None:
    """A still may have a picture and a strength."""
    asking = room.ask(image=b"picture", ask=Ask(["a boat"], strength=0.25))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    [(job, _)] = room.queue.jobs.values()
    assert (job.image, job.strength) == (b"picture", 0.25)
    room.queue.answer()
    await asking


async def test_a_mask(room: Room) -> None:
    """A mask goes with its picture, as it was said; without one it is refused."""
    with pytest.raises(Unfit, match="send the picture"):
        await room.ask(mask=b"mask")
    how: dict[str, Any] = {"mask": b"mask", "mask_paints": "clear", "mask_blur": 3.0}
    asking = room.ask(image=b"picture", ask=Ask(["a boat"], strength=0.25), **how)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    [(job, _)] = room.queue.jobs.values()
    assert (job.mask, job.mask_paints, job.mask_blur) == tuple(how.values())
    room.queue.answer()
    await asking


async def test_eyes(room: Room) -> None:
    """A picture that its student cannot repaint is shown to the first of its eyes, and strength is how much that counts."""
    student = room.served.student
    stills_only = replace(student.contract, strengths="none")
    room.served.student = replace(student, contract=stills_only, controls=(Control("edges", "canny", scale=0.8),))
    own = (("edges", 1.5, ()),)
    askings = [
        room.ask(image=b"picture", ask=Ask(["a boat"], strength=0.5)),
        room.ask(image=b"picture", looks=own),
        room.ask(),
    ]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    jobs = [job for job, _ in room.queue.jobs.values()]
    assert [(job.looks, job.repaint) for job in jobs] == [((("edges", 0.4, ()),), False), (own, False), ((), True)]
    with pytest.raises(Unfit, match="repaints no pictures"):
        await room.ask(image=b"picture", mask=b"mask", ask=Ask(["a boat"], strength=0.5))
    with pytest.raises(Unfit, match="an eye is shown a picture: send one with it"):
        await room.ask(looks=own)
    with pytest.raises(Unfit, match="a scale is 0 to 2"):
        await room.ask(image=b"picture", looks=(("edges", 3.0, ()),))
    room.queue.answer()
    await asyncio.gather(*askings)


async def test_one_owner_has_a_bound(room: Room) -> None:
    """Whoever has as many waiting as one owner may is refused; others are not."""
    first = room.ask(count=4)
    await asyncio.sleep(0)
    refused = await room.refusal(count=2)
    assert (refused.code, "of yours" in refused.message) == ("server_busy", True)
    other = room.ask(owner="other", count=5)
    await asyncio.sleep(0)
    assert room.stills.taken == 9
    await asyncio.sleep(0)
    room.queue.answer()
    await asyncio.gather(first, other)


async def test_all_have_a_bound(room: Room) -> None:
    """However many owners there are, no more wait than there is room for."""
    asking = [room.ask(owner=owner, count=4) for owner in ("one", "two")]
    await asyncio.sleep(0)
    refused = await room.refusal(owner="three", count=3)
    assert (refused.code, "of yours" in refused.message) == ("server_busy", False)
    assert room.stills.taken == 8
    await asyncio.sleep(0)
    room.queue.answer()
    await asyncio.gather(*asking)
    assert room.stills.taken == 0


async def test_more_than_there_is_room_for(room: Room) -> None:
    """Nobody is told to try again what can never be."""
    refused = await room.refusal(count=6)
    assert (refused.code, refused.param, refused.retry_after) == ("too_many", "n", None)


async def test_when_to_try_again(room: Room) -> None:
    """It is when enough of what waits is painted, by the ticks that were measured; later while live users have their share."""
    asking = room.ask(count=5)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert (await room.refusal(count=1)).retry_after == 1
    assert (await room.refusal(count=3)).retry_after == 3
    room.queue.live = 4
    assert (await room.refusal(count=3)).retry_after == 15
    room.status = replace(room.status, seconds={1: 1000.0})
    assert (await room.refusal(count=3)).retry_after == 60
    room.queue.answer()
    await asking


@pytest.mark.parametrize(
    ("answer", "code", "retry"),
    [
        ({"outcome": Outcome.DROPPED_LATE, "code": "late"}, "timeout", 1),
        ({"outcome": Outcome.FAILED, "code": "shutting_down"}, "shutting_down", None),
        ({"outcome": Outcome.REFUSED, "code": "unsupported_strength"}, "unsupported_strength", None),
    ],
)
async def test_not_painted(room: Room, answer: Any, code: str, retry: int | None) -> None:
    """Each way in which a still is not painted has its code."""
    asking = room.ask()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    room.queue.answer(**answer)
    with pytest.raises(Refused) as refused:
        await asking
    assert (refused.value.code, refused.value.retry_after) == (code, retry)
    assert room.stills.taken == 0


async def test_not_ready(room: Room) -> None:
    """A student that cannot paint now is no reason to wait."""
    room.status = replace(room.status, state=State.STUCK, error="the engine hangs")
    refused = await room.refusal()
    assert (refused.code, refused.message, refused.retry_after) == ("not_ready", "the engine hangs", 2)


async def test_judged(room: Room) -> None:
    """What the student cannot do takes no room."""
    with pytest.raises(Unfit):
        await room.ask(ask=Ask(["a boat"], guidance=3.0))
    assert room.stills.taken == 0


async def test_a_queue_that_is_full(room: Room) -> None:
    """What the queue does not take is refused once, and withdrawn as a whole."""
    room.queue.full = True
    refused = await room.refusal(count=3)
    assert (refused.code, refused.retry_after) == ("server_busy", 1)
    assert (room.stills.taken, room.queue.jobs) == (0, {})
    refusals = room.metrics.registry.get_sample_value("allaprima_frames_total", {"student": "embedded", "outcome": "refused"})
    assert refusals == 1


async def test_withdrawn(room: Room) -> None:
    """Who stops waiting withdraws all, and gives the room back."""
    asking = room.ask(count=3)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert len(room.queue.jobs) == 3
    asking.cancel()
    await asyncio.wait([asking])
    assert (room.stills.taken, room.queue.jobs) == (0, {})


class Allowing(Keys):
    """Keys of which one has an allowance."""

    def __init__(self, owner: str, allowance: Allowance) -> None:
        super().__init__()
        self._allowances = {owner: allowance}


async def test_a_rate(student: Student) -> None:
    """An owner begins so many in a time, counted by images; the next is told when there is room, and costs nothing."""
    room = Room(student, rate="3/hour")
    painted = [room.ask(count=2), room.ask()]
    await asyncio.sleep(0.01)
    room.queue.answer()
    await asyncio.gather(*painted)
    refused = await room.refusal()
    assert refused.code == "rate_limit_exceeded"
    assert refused.retry_after is not None
    assert 1 <= refused.retry_after <= 60  # of an hour that may be over soon
    assert "3/hour" in refused.message
    other = room.ask("another")
    await asyncio.sleep(0.01)
    room.queue.answer()
    await other
    assert room.stills.taken == 0


async def test_an_owner_of_its_own(student: Student) -> None:
    """What a key's own limits say holds for it, more or fewer than for anybody, and never more than there is room for."""
    for own, fits, too_many in ((2, 2, 3), (8, 8, 9), (99, 10, 11)):
        room = Room(student, Allowing("me", Allowance(stills=own)))
        refused = await room.refusal(count=too_many)
        assert (refused.code, f"the most taken here is {fits}" in refused.message) == ("too_many", True)
        asked = room.ask(count=fits)
        await asyncio.sleep(0.01)
        room.queue.answer()
        assert len(await asked) == fits
