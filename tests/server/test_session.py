"""A session: newest wins, every frame is answered once and in order, and params count from the next frame."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from engines.student import load_student
from server import codec
from server.metrics import Metrics
from server.queue import QueueFull
from server.session import MOST_PARTS, MOST_UNANSWERED, Session, Travel, next_job_id
from server.tally import Tally
from server.types import Job, Outcome, Refusal, Result, Timings
from server.wire import FrameIn, FrameOut, Kind

PATIENCE = 10.0
DEPTH = 2


class HandQueue:
    """A queue answered by hand."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []
        self.answers: list[asyncio.Future[Result]] = []
        self.withdrawn: list[int] = []
        self.full = False

    async def submit(self, job: Job) -> Result:
        if self.full:
            raise QueueFull("too many images are waiting")
        self.jobs.append(job)
        self.answers.append(asyncio.get_running_loop().create_future())
        try:
            return await self.answers[-1]
        except asyncio.CancelledError:
            self.withdrawn.append(job.id)
            raise

    def answer(self, index: int, outcome: Outcome = Outcome.IMAGE, **more: Any) -> None:
        image = b"image %d" % index if outcome is Outcome.IMAGE else b""
        self.answers[index].set_result(Result(self.jobs[index].id, outcome, image, **more))


class Client:
    """A session with its client's side: what it was sent, decoded."""

    def __init__(self, queue: HandQueue, pool: ThreadPoolExecutor, **more: Any) -> None:
        self.now, self.room = 1000.0, True
        self.queue, self.metrics = queue, Metrics()
        student = more.pop("student", load_student("embedded"))
        options: dict[str, Any] = {"max_prompt": 100, "max_pixels": 1_000_000, "patience": lambda steps: 1.0}
        own = self.metrics.of("embedded")
        self.session = Session(student, queue, pool, own, room=lambda: self.room, clock=lambda: self.now, **{**options, **more})  # type: ignore[arg-type]
        self.sent: list[FrameOut | dict[str, Any]] = []
        self.session.send = lambda m: self.sent.append(FrameOut.decode(m) if isinstance(m, bytes) else json.loads(m))

    def frame(self, number: int, image: bytes) -> None:
        self.session.frame(FrameIn(number, image).encode())

    def params(self, **changes: Any) -> None:
        self.session.text(json.dumps({"type": "params", **changes}))

    async def until(self, true: Callable[[], object]) -> None:
        for _ in range(int(PATIENCE / 0.002)):
            if true():
                return
            await asyncio.sleep(0.002)
        pytest.fail("it did not happen in time")

    async def jobs(self, count: int) -> list[Job]:
        await self.until(lambda: len(self.queue.jobs) >= count)
        return self.queue.jobs

    @property
    def answers(self) -> list[FrameOut]:
        return [m for m in self.sent if isinstance(m, FrameOut)]

    @property
    def errors(self) -> list[dict[str, Any]]:
        return [m for m in self.sent if isinstance(m, dict) and m["type"] == "error"]

    def refusals(self) -> dict[str, float]:
        reasons = {reason: {"reason": reason.value} for reason in Refusal}
        counts = {r: self.metrics.registry.get_sample_value("allaprima_refusals_total", of) for r, of in reasons.items()}
        return {reason.value: count for reason, count in counts.items() if count}

    def count(self, outcome: Outcome) -> float | None:
        return self.metrics.registry.get_sample_value("allaprima_frames_total", {"student": "embedded", "outcome": outcome})


@pytest.fixture
async def make_client() -> AsyncIterator[Callable[..., Client]]:
    """`make_client(...)`: a client whose session paints until the end of the test; the filter is off unless asked for."""
    pool, painting = ThreadPoolExecutor(1), []

    def make(similar: bool = False, **more: Any) -> Client:
        client = Client(HandQueue(), pool, **more)
        if not similar:
            client.params(similarity=None)
            client.sent.clear()
        painting.append(asyncio.ensure_future(client.session.paint()))
        return client

    yield make
    for task in painting:
        task.cancel()
    await asyncio.wait(painting)
    pool.shutdown()


async def test_an_image(make_client: Any, encoded: Any) -> None:
    """A frame becomes a job with the params in force, and its answer carries image, rows, revision and times."""
    client = make_client()
    client.params(prompt="a boat", seed=5, strength=0.25, format="webp", quality=70)
    client.frame(7, encoded())
    (job,) = await client.jobs(1)
    assert (job.prompt, job.seed, job.strength, job.format, job.quality) == ((("a boat", 1.0),), 5, 0.25, "webp", 70)
    assert (job.owner, job.api, job.image) == (client.session.id, "stream", encoded())
    assert (job.request, job.trace) == (client.session.id, "")
    assert (job.created, job.deadline) == (1000.0, 1001.0)
    client.queue.answer(0, rows=3, timings=Timings(0.001, 0.002, 0.003, 0.004))
    await client.until(lambda: client.answers)
    assert client.answers == [FrameOut(7, Kind.IMAGE, 3, 2, 1000, 2000, 3000, 4000, b"image 0")]


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
    assert [a.kind for a in client.answers] == [Kind.IMAGE] * 2 + [Kind.DROPPED] * 7 + [Kind.IMAGE]
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


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("nonsense", "bad_json"),
        ('{"seed":' + "9" * 5000 + "}", "bad_json"),
        ("[]", "bad_message"),
        ('{"type":"hello"}', "bad_message"),
        ('{"type":"params","colour":1}', "bad_params"),
        ('{"type":"params","\\ud800":1}', "bad_params"),
        ('{"type":"params","strength":2}', "bad_params"),
        ('{"type":"params","strength":NaN}', "bad_params"),
        ('{"type":"params","negative_prompt":"x"}', "bad_params"),
        (json.dumps({"type": "params", "prompt": "x" * 101}), "bad_params"),
        (json.dumps({"type": "params", "prompt": "x" * 1_000_000}), "bad_message"),
        ('{"type":"params","rev":1}', "bad_params"),
    ],
)
async def test_bad_text(make_client: Any, text: str, code: str) -> None:
    """A message that cannot be is answered with its code, changes nothing, and the next one is heard."""
    client = make_client()
    before, rev = client.session.params, client.session.rev
    client.session.text(text)
    (error,) = client.sent
    assert (error["type"], error["code"]) == ("error", code)
    assert len(error["message"]) < 500
    assert (client.session.params, client.session.rev) == (before, rev)
    client.params(prompt="fine")
    assert client.sent[-1]["prompt"] == "fine"


@pytest.mark.parametrize("data", [b"", b"\x01\x02", b"\x01\x00\x00\x00"])
async def test_a_frame_too_short(make_client: Any, encoded: Any, data: bytes) -> None:
    """A binary message without an image is an error, and the next frame is painted."""
    client = make_client()
    client.session.frame(data)
    assert [e["code"] for e in client.errors] == ["bad_frame"]
    client.frame(1, encoded())
    await client.jobs(1)


@pytest.mark.parametrize("second", [5, 4, 0])
async def test_an_id_twice(make_client: Any, encoded: Any, second: int) -> None:
    """An id that does not grow is an error without an id; the first frame keeps its one answer."""
    client = make_client()
    client.frame(5, encoded())
    await client.jobs(1)
    client.frame(second, encoded())
    assert client.errors[0]["code"] == "bad_id"
    assert "id" not in client.errors[0]
    client.queue.answer(0)
    await client.until(lambda: client.answers)
    client.frame(6, encoded())
    await client.jobs(2)
    client.queue.answer(1)
    await client.until(lambda: len(client.answers) == 2)
    assert [a.id for a in client.answers] == [5, 6]


@pytest.mark.parametrize("similar", [True, False])
async def test_a_bad_image(make_client: Any, encoded: Any, similar: bool) -> None:
    """A frame that is no image is an error with its id; with the filter on it costs no job."""
    client = make_client(similar=similar)
    client.frame(1, b"GIF89a nothing")
    if not similar:
        await client.jobs(1)
        client.queue.answer(0, Outcome.FAILED, code="bad_image", message="not an image")
    await client.until(lambda: client.errors)
    assert (client.errors[0]["code"], client.errors[0]["id"]) == ("bad_image", 1)
    client.frame(2, encoded())
    await client.jobs(1 if similar else 2)


@pytest.mark.parametrize(
    ("outcome", "code"),
    [(Outcome.FAILED, "engine_error"), (Outcome.REFUSED, "unsupported_strength"), (Outcome.FAILED, "shutting_down")],
)
async def test_no_image(make_client: Any, encoded: Any, outcome: Outcome, code: str) -> None:
    """What became no image is said with its id and code."""
    client = make_client()
    client.frame(3, encoded())
    await client.jobs(1)
    client.queue.answer(0, outcome, code=code, message="because")
    await client.until(lambda: client.errors)
    assert client.errors == [{"type": "error", "code": code, "message": "because", "id": 3}]


async def test_late(make_client: Any, encoded: Any) -> None:
    """A frame that was too late is dropped, without a fuss."""
    client = make_client()
    client.frame(3, encoded())
    await client.jobs(1)
    client.queue.answer(0, Outcome.DROPPED_LATE, code="late", message="late")
    await client.until(lambda: client.answers)
    assert client.answers[0].kind is Kind.DROPPED
    assert client.errors == []


async def test_no_room_in_the_queue(make_client: Any, encoded: Any) -> None:
    """A frame for which there is no room is refused with its id, and the next may be taken."""
    client = make_client()
    client.queue.full = True
    client.frame(1, encoded())
    await client.until(lambda: client.errors)
    assert (client.errors[0]["code"], client.errors[0]["id"]) == ("full", 1)
    client.queue.full = False
    client.frame(2, encoded())
    await client.jobs(1)
    assert client.count(Outcome.REFUSED) == 1
    assert client.refusals() == {"full": 1}


async def test_tally(make_client: Any, encoded: Any) -> None:
    """Every frame is counted under what became of it, and an image with its time from arrival to answer."""
    client = make_client()
    for number in range(DEPTH):
        client.frame(number, encoded(seed=number))
        await client.jobs(number + 1)
    for number in range(DEPTH, DEPTH + 3):
        client.frame(number, encoded(seed=number))
    client.now += 0.25
    client.queue.answer(0)
    client.queue.answer(1, Outcome.DROPPED_LATE)
    await client.jobs(DEPTH + 1)
    said = client.session.tally.fields(client.now)
    assert said["frames"] == DEPTH + 3
    assert said["outcomes"] == {"image": 1, "dropped_newer": 2, "dropped_late": 1}
    assert (said["unanswered"], said["mean_ms"]) == (1, 250.0)


async def test_tally_of_the_filter(make_client: Any, encoded: Any) -> None:
    """Repeats and frames that are no image are counted too."""
    client = make_client(similar=True)
    client.params(similarity={"threshold": -1})
    client.frame(0, encoded())
    await client.jobs(1)
    client.queue.answer(0)
    client.frame(1, encoded())
    await client.until(lambda: len(client.answers) == 2)
    client.frame(2, b"no image")
    await client.until(lambda: client.errors)
    assert client.session.tally.fields(client.now)["outcomes"] == {"image": 1, "repeat": 1, "failed": 1}


async def test_a_tally_of_each_connection(make_client: Any, encoded: Any) -> None:
    """What one connection counted is not the next one's."""
    client = make_client()
    client.frame(0, encoded())
    await client.jobs(1)
    client.session.tally = Tally()
    client.frame(1, encoded())
    assert client.session.tally.frames == 1


@pytest.mark.parametrize(
    ("text", "reason"),
    [("nonsense", "protocol"), ('{"type":"hello"}', "protocol"), ('{"type":"params","strength":2}', "bad_request")],
)
async def test_refused_messages(make_client: Any, text: str, reason: str) -> None:
    """A message that is refused is counted by why, and in the connection's tally."""
    client = make_client()
    client.session.text(text)
    assert client.refusals() == {reason: 1}
    assert client.session.tally.errors == 1


@pytest.mark.parametrize(
    ("outcome", "code", "refusals"),
    [
        (Outcome.REFUSED, "unsupported_strength", {"unsupported": 1}),
        (Outcome.FAILED, "bad_image", {"bad_request": 1}),
        (Outcome.FAILED, "engine_error", {}),
        (Outcome.DROPPED_LATE, "late", {}),
    ],
)
async def test_refused_frames(make_client: Any, encoded: Any, outcome: Outcome, code: str, refusals: Any) -> None:
    """A frame that could not be painted for what it is counts as refused; one that failed here or came late does not."""
    client = make_client()
    client.frame(0, encoded())
    await client.jobs(1)
    client.queue.answer(0, outcome, code=code, message="because")
    await client.until(lambda: client.sent)
    assert client.refusals() == refusals


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


async def test_leaving_withdraws(encoded: Any) -> None:
    """When the connection ends the jobs in flight are withdrawn, and the params stay for the next one."""
    with ThreadPoolExecutor(1) as pool:
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


async def test_transition(make_client: Any, encoded: Any) -> None:
    """After a change with a transition the weights travel from the old prompt to the new, and no frame is skipped meanwhile."""
    client = make_client(similar=True)
    client.params(prompt="day", similarity={"threshold": -1})
    client.params(prompt="night", transition=4)
    weights = []
    for number, now in enumerate([1000.0, 1001.0, 1003.0, 1004.0]):
        client.now = now
        client.frame(number, encoded())
        weights.append(dict((await client.jobs(number + 1))[-1].prompt))
        client.queue.answer(number)
        await client.until(lambda n=number: len(client.answers) == n + 1)
    assert weights == [{"day": 1.0, "night": 0.0}, {"day": 0.75, "night": 0.25}, {"day": 0.25, "night": 0.75}, {"night": 1.0}]


def test_travel_turns_around() -> None:
    """A change on the way starts from where the travel is."""
    travel = Travel((("a", 1.0),))
    travel.to((("b", 1.0),), 10, 0.0)
    travel.to((("c", 1.0),), 10, 5.0)
    assert dict(travel.at(5.0)) == {"a": 0.5, "b": 0.5, "c": 0.0}
    assert dict(travel.at(10.0)) == {"a": 0.25, "b": 0.25, "c": 0.5}
    assert travel.at(15.0) == (("c", 1.0),)


def test_travel_does_not_grow() -> None:
    """Turned around a thousand times, a travel has a bounded number of prompts, whose weights sum to one."""
    travel = Travel((("start", 1.0),))
    for n in range(1000):
        travel.to(((f"prompt {n}", 1.0),), 60, n * 0.01)
        blend = travel.at(n * 0.01 + 0.005)
        assert len(blend) <= MOST_PARTS + 1
        assert sum(weight for _, weight in blend) == pytest.approx(1)
    assert travel.at(1000.0) == (("prompt 999", 1.0),)


def test_travel_at_once() -> None:
    """Without a transition the new prompt is there at once."""
    travel = Travel((("a", 1.0),))
    travel.to((("b", 1.0),), 0, 7.0)
    assert travel.at(7.0) == (("b", 1.0),)
    assert travel.arrived(7.0)


def test_job_ids_are_unique() -> None:
    """No two jobs have the same id."""
    ids = [next_job_id() for _ in range(1000)]
    assert len(set(ids)) == 1000
