"""The worker: one job's fault is its own, nothing waits for nothing, and everything is answered."""

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

from engines.engine import Engine, EngineError, Painted, Row
from engines.fake_device import FakeDevice, FakeTicket
from engines.fake_engine import FakeEngine
from engines.student import Student
from server import codec
from server.energy import Ledger
from server.energy.meter import MeterName
from server.metrics import Metrics
from server.queue import MemoryQueue
from server.session import next_job_id
from server.types import Job, Outcome, Result
from server.worker import Worker

PATIENCE = 20.0


class GatedEngine(FakeEngine):
    """A fake engine whose ticks wait for a gate, and which remembers them."""

    def __init__(self, student: Student, batch_sizes: tuple[int, ...]) -> None:
        super().__init__(student, batch_sizes)
        self.gate, self.ticking = threading.Event(), threading.Event()
        self.gate.set()
        self.ticks: list[list[Row]] = []
        self.closed = False

    def tick(self, rows: Sequence[Row]) -> list[Painted]:
        self.ticks.append(list(rows))
        self.ticking.set()
        assert self.gate.wait(PATIENCE)
        return super().tick(rows)

    def close(self) -> None:
        self.closed = True


class GatedDevice(FakeDevice):
    """The same with a device: the gate is where its ticks are waited for."""

    def __init__(self, student: Student, batch_sizes: tuple[int, ...]) -> None:
        super().__init__(student, batch_sizes)
        self.gate, self.ticking = threading.Event(), threading.Event()
        self.gate.set()
        self.ticks: list[list[Row]] = []
        self.closed = False

    def begin(self, rows: Sequence[Row]) -> FakeTicket:
        self.ticks.append(list(rows))
        return super().begin(rows)

    def finish(self, ticket: FakeTicket) -> list[Painted]:
        self.ticking.set()
        assert self.gate.wait(PATIENCE)
        return super().finish(ticket)

    def close(self) -> None:
        self.closed = True


class SlowDevice(GatedDevice):
    """The same, and said to take so long that there is time to begin a second tick beside the first."""

    def warm_up(self) -> dict[int, float]:
        return dict.fromkeys(self.batch_sizes, 0.3)

    def begin(self, rows: Sequence[Row]) -> FakeTicket:
        self.ticking.set()
        return super().begin(rows)


@dataclass
class Bench:
    """A worker at work, and what surrounds it."""

    worker: Worker
    queue: MemoryQueue
    metrics: Metrics
    engine: GatedEngine | GatedDevice
    ledger: Ledger
    failures: list[str] = field(default_factory=list)

    def submit(self, prompt: str = "a boat", owner: str = "me", **more: Any) -> "asyncio.Task[Result]":
        now = time.time()
        job = Job(next_job_id(), owner, "stream", ((prompt, 1.0),), 0, now, now + PATIENCE, format="png")
        return asyncio.create_task(self.queue.submit(replace(job, **more)))

    async def until(self, true: Callable[[], object]) -> None:
        for _ in range(int(PATIENCE / 0.002)):
            if true():
                return
            await asyncio.sleep(0.002)
        pytest.fail("it did not happen in time")

    async def hold(self) -> "asyncio.Task[Result]":
        """Close the gate and put a job behind it."""
        self.engine.gate.clear()
        self.engine.ticking.clear()
        held = self.submit("held", "holder")
        await asyncio.to_thread(self.engine.ticking.wait, PATIENCE)
        return held

    def count(self, outcome: Outcome) -> float:
        return (
            self.metrics.registry.get_sample_value("allaprima_frames_total", {"student": "embedded", "outcome": outcome}) or 0.0
        )


@pytest.fixture(params=[GatedEngine, GatedDevice], ids=["one by one", "overlapping"])
async def make_bench(student: Student, request: pytest.FixtureRequest) -> AsyncIterator[Callable[..., Any]]:
    """`await make_bench(batch_sizes=..., engine=..., student=...)`: a worker, started, and stopped at the end."""
    benches: list[Bench] = []
    pool = ThreadPoolExecutor(2)

    async def make(
        batch_sizes: tuple[int, ...] = (1, 2, 4), engine: Engine | None = None, of: Student = student, ready: bool = True
    ) -> Bench:
        queue, metrics = MemoryQueue(100), Metrics()
        gated = request.param(of, batch_sizes)
        failures: list[str] = []
        own = metrics.of("embedded")
        ledger = Ledger()

        def failed() -> None:
            failures.append(worker.error)

        worker = Worker(lambda say: engine or gated, queue, pool, own, 16_000_000, failed, ledger=ledger)
        bench = Bench(worker, queue, metrics, gated, ledger, failures)
        benches.append(bench)
        worker.start()
        if ready:
            await bench.until(lambda: worker.state == "ready")
        return bench

    yield make
    for bench in benches:
        bench.engine.gate.set()
        bench.queue.close()
        await asyncio.to_thread(bench.worker.stop)
    pool.shutdown()


one_by_one = pytest.mark.parametrize("make_bench", [GatedEngine], indirect=True)
"""For what is only so when no tick is begun before the last one is finished."""
overlapping = pytest.mark.parametrize("make_bench", [SlowDevice], indirect=True)


async def test_a_still(make_bench: Any, student: Student) -> None:
    """A still becomes an image of the student's size, with the time it took."""
    bench = await make_bench()
    result = await bench.submit()
    assert (result.outcome, result.rows) == (Outcome.IMAGE, 1)
    assert codec.decode(result.image, 256, 256, 100_000).shape == (student.height, student.width, 3)
    assert result.timings.engine > 0
    assert result.timings.decode == 0
    assert bench.count(Outcome.IMAGE) == 1


async def test_a_frame(make_bench: Any, picture: Any, encoded: Any) -> None:
    """A frame at strength 0 comes back as itself, and its decoding was timed."""
    bench = await make_bench()
    result = await bench.submit(image=encoded(picture(), image_format="PNG"), strength=0.0)
    got = codec.decode(result.image, 256, 256, 100_000).astype(int)
    assert np.abs(got - picture()).mean() < 12  # the fake engine sees an eighth of the scale
    assert result.timings.decode > 0


async def test_jobs_share_ticks(make_bench: Any) -> None:
    """Jobs that wait while a tick runs share the next one."""
    bench = await make_bench()
    held = await bench.hold()
    others = [bench.submit(owner=str(i)) for i in range(3)]
    await bench.until(lambda: bench.worker.waiting() == 3)
    bench.engine.gate.set()
    results = await asyncio.gather(held, *others)
    assert [result.rows for result in results] == [1, 3, 3, 3]
    assert [len(rows) for rows in bench.engine.ticks] == [1, 3]


@pytest.mark.parametrize("fault", ["fake:error", "fake:nan", "fake:crash"])
async def test_a_fault_is_its_own(make_bench: Any, fault: str) -> None:
    """A job that fails, gives a NaN or crashes the tick fails alone; the three beside it are painted."""
    bench = await make_bench()
    held = await bench.hold()
    tasks = [bench.submit(prompt, owner=str(i)) for i, prompt in enumerate(["one", "two", fault, "three"])]
    await bench.until(lambda: bench.worker.waiting() == 4)
    bench.engine.gate.set()
    outcomes = [result.outcome for result in await asyncio.gather(held, *tasks)]
    assert outcomes == [Outcome.IMAGE, Outcome.IMAGE, Outcome.IMAGE, Outcome.FAILED, Outcome.IMAGE]
    assert (await tasks[2]).code == "engine_error"
    assert "Traceback" not in (await tasks[2]).message
    assert (await bench.submit()).outcome is Outcome.IMAGE


def _said(caplog: pytest.LogCaptureFixture) -> list[Any]:
    return [record.fields for record in caplog.records if record.getMessage() == "a job failed"]  # type: ignore[attr-defined]


async def test_a_still_that_fails_is_logged(make_bench: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Each still that fails is a line that names its request and why; what is painted or late is none."""
    bench = await make_bench()
    await asyncio.gather(*(bench.submit("fake:error", api="openai", request=name) for name in ("req-1", "req-2")))
    await bench.submit("fine", api="openai", request="req-3")
    await bench.submit("late", api="openai", request="req-4", deadline=0.0)
    assert sorted(said["request"] for said in _said(caplog)) == ["req-1", "req-2"]
    assert _said(caplog)[0]["code"] == "engine_error"
    assert "asked to fail" in _said(caplog)[0]["why"]


async def test_frames_that_fail_are_logged_seldom(make_bench: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Of a stream whose frames all fail there is one line in a while, not one a frame."""
    bench = await make_bench()
    for _ in range(20):
        assert (await bench.submit("fake:crash", request="a session")).outcome is Outcome.FAILED
    [said] = _said(caplog)
    assert (said["request"], said["api"]) == ("a session", "stream")


async def test_a_tick_that_fails_is_counted(make_bench: Any) -> None:
    """A tick of three that fails counts once, and once more for the row that fails alone."""
    bench = await make_bench()
    held = await bench.hold()
    tasks = [bench.submit(prompt, owner=str(i)) for i, prompt in enumerate(["one", "fake:crash", "two"])]
    await bench.until(lambda: bench.worker.waiting() == 3)
    bench.engine.gate.set()
    await asyncio.gather(held, *tasks)
    assert bench.metrics.registry.get_sample_value("allaprima_tick_failures_total", {"student": "embedded"}) == 2


def _metered(bench: Bench) -> MeterName:
    """A meter whose first window, an idle one, took nothing: so all that it counts from here on is painting."""
    meter = MeterName("gpu0", "nvml")
    bench.ledger.enrol(meter)
    bench.ledger.close({meter: 0})
    return meter


async def test_joules_of_images_that_share_a_tick(make_bench: Any) -> None:
    """An image's joules are its equal share of its tick's seconds, at the watts that painting took in the windows before."""
    bench = await make_bench()
    meter = _metered(bench)
    first = await bench.submit()
    assert (first.joules, first.meter) == (None, "")  # no window in which anybody painted has closed
    bench.ledger.close({meter: 1_000_000})
    held = await bench.hold()
    tasks = [bench.submit(owner=str(i)) for i in range(2)]
    await bench.until(lambda: bench.worker.waiting() == 2)
    bench.engine.gate.set()
    for result in await asyncio.gather(*tasks):
        assert result.rows == 2
        assert result.joules == pytest.approx(bench.ledger.estimate(result.timings.engine / 2).joules)
        assert result.joules > 0
        assert result.meter == "nvml"
    await held


async def test_joules_of_several_ticks(make_bench: Any, student: Student) -> None:
    """An image of two steps took what both of its ticks took."""
    two = replace(student, contract=replace(student.contract, times=(1.0, 0.5)))
    bench = await make_bench(of=two)
    meter = _metered(bench)
    await bench.submit()
    bench.ledger.close({meter: 1_000_000})
    result = await bench.submit()
    assert len(bench.engine.ticks) == 4
    assert result.joules == pytest.approx(bench.ledger.estimate(result.timings.engine).joules)


async def test_whose_ticks(make_bench: Any) -> None:
    """Each tick is booked on its rows' owners, and on its student with the images it finished."""
    bench = await make_bench()
    meter = _metered(bench)
    bench.ledger.enter("me")
    bench.ledger.enter("nobody")
    await bench.submit(owner="me")
    await bench.submit("fake:error", owner="me")
    bench.ledger.close({meter: 8_000_000})
    assert bench.ledger.joules_per_image() == {("embedded", "nvml"): 8.0}
    mine, nobodys = bench.ledger.leave("me"), bench.ledger.leave("nobody")
    assert mine is not None
    assert mine.joules == pytest.approx(8)
    assert nobodys is not None
    assert nobodys.joules == 0


async def test_a_prompt_that_cannot_be_read(make_bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A prompt that the engine cannot encode fails its job and not the tick."""
    bench = await make_bench()
    condition = bench.engine.condition

    def picky(prompt: str) -> Any:
        if prompt == "unreadable":
            raise ValueError("no such word")
        return condition(prompt)

    monkeypatch.setattr(bench.engine, "condition", picky)
    held = await bench.hold()
    tasks = [bench.submit(prompt, owner=prompt) for prompt in ("good", "unreadable")]
    await bench.until(lambda: bench.worker.waiting() == 2)
    bench.engine.gate.set()
    good, bad = await asyncio.gather(*tasks)
    assert (good.outcome, bad.outcome) == (Outcome.IMAGE, Outcome.FAILED)
    assert (await held).outcome is Outcome.IMAGE


@pytest.mark.parametrize("bad", [b"not an image", b"\xff\xd8\xff cut", b"GIF89a"])
async def test_a_bad_image(make_bench: Any, bad: bytes, encoded: Any) -> None:
    """A frame that is no image fails; the one beside it does not."""
    bench = await make_bench()
    refused, painted = await asyncio.gather(bench.submit(image=bad, owner="a"), bench.submit(image=encoded(), owner="b"))
    assert (refused.outcome, refused.code) == (Outcome.FAILED, "bad_image")
    assert painted.outcome is Outcome.IMAGE


async def test_a_decoder_that_breaks(make_bench: Any, encoded: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that no one thought of fails one job, and the engine's thread lives on."""
    bench = await make_bench()
    with monkeypatch.context() as patch:
        patch.setattr(codec, "decode", lambda *_: 1 / 0)
        assert (await bench.submit(image=encoded())).outcome is Outcome.FAILED
    assert (await bench.submit(image=encoded())).outcome is Outcome.IMAGE


async def test_an_encoder_that_breaks(make_bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """An image that cannot be encoded fails its job."""
    bench = await make_bench()
    with monkeypatch.context() as patch:
        patch.setattr(codec, "encode", lambda *_: 1 / 0)
        result = await bench.submit()
    assert (result.outcome, result.code) == (Outcome.FAILED, "encode_error")


async def test_a_slow_decode_delays_no_other(make_bench: Any, encoded: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """While one user's picture is being decoded the others are painted."""
    bench, decode, slow = await make_bench(), codec.decode, threading.Event()
    heavy, light = encoded(seed=1), encoded(seed=2)

    def decoder(data: bytes, *rest: int) -> Any:
        assert data != heavy or slow.wait(PATIENCE)
        return decode(data, *rest)

    monkeypatch.setattr(codec, "decode", decoder)
    waiting = bench.submit(image=heavy, owner="heavy")
    try:
        await bench.until(lambda: bench.worker.waiting() == 1)
        for _ in range(3):
            assert (await bench.submit(image=light, owner="light")).outcome is Outcome.IMAGE
        assert not waiting.done()
    finally:
        slow.set()
    assert (await waiting).outcome is Outcome.IMAGE


async def test_prefetch_is_one_tick(make_bench: Any, encoded: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a tick runs no more is decoded than the next tick takes, however many wait."""
    bench = await make_bench(batch_sizes=(1, 2))
    decode, decoded = codec.decode, []

    def counting(*args: Any) -> Any:
        decoded.append(1)
        return decode(*args)

    monkeypatch.setattr(codec, "decode", counting)
    held = await bench.hold()
    tasks = [bench.submit(image=encoded(), owner=str(i)) for i in range(12)]
    await bench.until(lambda: bench.worker.waiting() == 12 and len(decoded) == 2)
    await asyncio.sleep(0.05)
    assert len(decoded) == 2
    bench.engine.gate.set()
    assert {result.outcome for result in await asyncio.gather(held, *tasks)} == {Outcome.IMAGE}
    assert max(len(rows) for rows in bench.engine.ticks) == 2


async def test_fair_to_owners(make_bench: Any) -> None:
    """A user with one job waits for one tick, not for the twenty jobs of another."""
    bench = await make_bench(batch_sizes=(1, 2))
    held = await bench.hold()
    many = [bench.submit("many", "greedy") for _ in range(20)]
    await bench.until(lambda: bench.worker.waiting() == 20)
    one = bench.submit("one", "modest", seed=99)
    await bench.until(lambda: bench.worker.waiting() == 21)
    bench.engine.gate.set()
    await asyncio.gather(held, one, *many)
    ticks_before = next(n for n, rows in enumerate(bench.engine.ticks) if any(row.seed == 99 for row in rows))
    assert ticks_before == 2  # the one that ran, and the one prepared already


async def test_late(make_bench: Any) -> None:
    """A job past its deadline is dropped before it reaches the engine."""
    bench = await make_bench(batch_sizes=(1,))
    held = await bench.hold()
    late = [bench.submit("late", str(i), deadline=time.time() + 0.02) for i in range(3)]
    await bench.until(lambda: bench.worker.waiting() == 3)
    await asyncio.sleep(0.03)
    bench.engine.gate.set()
    results = await asyncio.gather(*late)
    assert {(r.outcome, r.code) for r in results} == {(Outcome.DROPPED_LATE, "late")}
    await held
    assert len(bench.engine.ticks) == 1
    assert bench.count(Outcome.DROPPED_LATE) == 3


async def test_withdrawn(make_bench: Any) -> None:
    """A job whose owner left never reaches the engine."""
    bench = await make_bench(batch_sizes=(1,))
    held = await bench.hold()
    gone = [bench.submit("gone", str(i)) for i in range(3)]
    await bench.until(lambda: bench.worker.waiting() == 3)
    for task in gone:
        task.cancel()
    await asyncio.wait(gone)
    bench.engine.gate.set()
    await held
    assert (await bench.submit("next")).outcome is Outcome.IMAGE
    assert len(bench.engine.ticks) == 2


async def test_strength_refused(make_bench: Any, student: Student, encoded: Any) -> None:
    """A strength the student was not trained for is refused with the reason, and whoever waits behind is painted."""
    stills_only = replace(student, contract=replace(student.contract, strengths="none"))
    bench = await make_bench(batch_sizes=(1,), of=stills_only)
    held = await bench.hold()
    refused = [bench.submit(image=encoded(), owner=str(i)) for i in range(3)]
    still = bench.submit(owner="z")
    bench.engine.gate.set()
    for result in await asyncio.gather(*refused):
        assert (result.outcome, result.code) == (Outcome.REFUSED, "unsupported_strength")
        assert "stills only" in result.message
    assert (await still).outcome is Outcome.IMAGE
    assert (await held).outcome is Outcome.IMAGE


@one_by_one
async def test_jobs_of_two_steps(make_bench: Any, student: Student, encoded: Any) -> None:
    """Jobs of several steps share ticks with others at other steps, and those begun go first."""
    two = replace(student, contract=replace(student.contract, times=(1.0, 0.5)))
    bench = await make_bench(batch_sizes=(1, 2), of=two)
    held = await bench.hold()
    tasks = [bench.submit(str(i), str(i)) for i in range(3)] + [bench.submit(image=encoded(), strength=0.3, owner="x")]
    await bench.until(lambda: bench.worker.waiting() == 4)
    bench.engine.gate.set()
    results = await asyncio.gather(held, *tasks)
    assert {result.outcome for result in results} == {Outcome.IMAGE}
    indices = [[row.index for row in rows] for rows in bench.engine.ticks]
    assert any(len(set(tick)) == 2 for tick in indices)
    assert sum(map(len, indices)) == 4 * 2 + 1
    assert len(bench.engine._slots) == 0


@one_by_one
async def test_a_step_too_late(make_bench: Any, student: Student) -> None:
    """A job of two steps whose owner leaves between them is not continued, and its latents are freed."""
    two = replace(student, contract=replace(student.contract, times=(1.0, 0.5)))
    bench = await make_bench(batch_sizes=(1,), of=two)
    held = await bench.hold()
    held.cancel()
    await asyncio.wait([held])
    bench.engine.gate.set()
    assert (await bench.submit("next")).outcome is Outcome.IMAGE
    assert [rows[0].index for rows in bench.engine.ticks] == [0, 0, 1]
    assert len(bench.engine._slots) == 0


@overlapping
async def test_the_next_step_does_not_wait(make_bench: Any, student: Student) -> None:
    """A job's second step is brought to the device while its first one runs; leaving then frees its slot all the same."""
    two = replace(student, contract=replace(student.contract, times=(1.0, 0.5)))
    bench = await make_bench(batch_sizes=(1,), of=two)
    held = await bench.hold()
    await bench.until(lambda: len(bench.engine.ticks) == 2)
    assert [rows[0].index for rows in bench.engine.ticks] == [0, 1]
    held.cancel()
    await asyncio.wait([held])
    bench.engine.gate.set()
    assert (await bench.submit("next")).outcome is Outcome.IMAGE
    assert len(bench.engine._slots) == 0


@overlapping
@pytest.mark.parametrize("fault", ["fake:error", "fake:nan", "fake:refuse"])
async def test_a_first_step_that_fails(make_bench: Any, student: Student, fault: str) -> None:
    """A job whose first step fails is answered once, whatever its second one gives, and those beside it are painted."""
    two = replace(student, contract=replace(student.contract, times=(1.0, 0.5)))
    bench = await make_bench(of=two)
    held = await bench.hold()
    tasks = [bench.submit(prompt, owner=str(i)) for i, prompt in enumerate(["one", fault])]
    await bench.until(lambda: len(bench.engine.ticks) == 2)
    bench.engine.gate.set()
    one, failed = await asyncio.gather(*tasks)
    assert (one.outcome, failed.outcome, failed.code) == (Outcome.IMAGE, Outcome.FAILED, "engine_error")
    assert (await held).outcome is Outcome.IMAGE
    assert (await bench.submit("after")).outcome is Outcome.IMAGE
    assert bench.count(Outcome.FAILED) == 1
    assert len(bench.engine._slots) == 0


@overlapping
async def test_stop_finishes_both(make_bench: Any) -> None:
    """Stopping finishes the tick that runs and the one that was brought beside it."""
    bench = await make_bench(batch_sizes=(1,))
    held = [await bench.hold(), bench.submit(owner="beside")]
    await bench.until(lambda: len(bench.engine.ticks) == 2)
    bench.worker.begin_stop()
    bench.engine.gate.set()
    assert {(await one).outcome for one in held} == {Outcome.IMAGE}


async def test_blends(make_bench: Any) -> None:
    """A blend's conditioning is the weighted sum of its parts'."""
    bench = await make_bench()
    await bench.submit("c")
    now = time.time()
    await bench.queue.submit(Job(next_job_id(), "me", "stream", (("a", 0.25), ("b", 0.75)), 0, now, now + PATIENCE))
    expected = 0.25 * bench.engine.condition("a") + 0.75 * bench.engine.condition("b")
    np.testing.assert_allclose(bench.engine.ticks[-1][0].conditioning, expected, atol=1e-6)


async def test_stop_answers_everything(make_bench: Any) -> None:
    """Stopping finishes the tick that runs and answers all the others."""
    bench = await make_bench(batch_sizes=(1, 2))
    held = await bench.hold()
    waiting = [bench.submit(owner=str(i)) for i in range(20)]
    await bench.until(lambda: bench.worker.waiting() == 20)
    bench.queue.close()
    stopping = asyncio.ensure_future(asyncio.to_thread(bench.worker.stop))
    await bench.until(lambda: bench.worker._stopping)
    bench.engine.gate.set()
    await stopping
    results = await asyncio.wait_for(asyncio.gather(*waiting), PATIENCE)
    assert {(r.outcome, r.code) for r in results} == {(Outcome.FAILED, "shutting_down")}
    assert (await held).outcome is Outcome.IMAGE
    assert bench.worker.state == "stopped"
    assert bench.engine.closed


@pytest.mark.parametrize("round_", range(5))
async def test_stop_while_jobs_come(make_bench: Any, round_: int) -> None:
    """Whenever it stops, each job that was taken in is answered."""
    bench = await make_bench()
    tasks = [bench.submit(owner=str(i)) for i in range(30)]
    await asyncio.sleep(0.002 * round_)
    bench.queue.close()
    await asyncio.to_thread(bench.worker.stop)
    done, pending = await asyncio.wait(tasks, timeout=PATIENCE)
    assert not pending
    for task in done:
        if task.exception() is None:
            assert task.result().outcome in (Outcome.IMAGE, Outcome.FAILED)


async def test_stop_before_start() -> None:
    """A worker that never started stops at once."""
    pool = ThreadPoolExecutor(1)
    worker = Worker(lambda say: pytest.fail("not asked"), MemoryQueue(1), pool, Metrics().of("embedded"), 1000)
    worker.stop()
    pool.shutdown()


class Unstartable(FakeEngine):
    def warm_up(self) -> dict[int, float]:
        raise EngineError("the weights are missing: run make student")


async def test_an_engine_that_does_not_start(make_bench: Any, student: Student, caplog: pytest.LogCaptureFixture) -> None:
    """The worker says why, says it once, and its threads end."""
    bench = await make_bench(engine=Unstartable(student), ready=False)
    await bench.until(lambda: bench.failures)
    assert bench.worker.state == "failed"
    assert bench.failures == ["the engine did not start: the weights are missing: run make student"]
    await asyncio.wait_for(asyncio.to_thread(bench.worker.stop), PATIENCE)
    await bench.until(lambda: not bench.worker._intake_thread.is_alive())
    assert "Traceback" not in caplog.text


class Breaking(FakeEngine):
    """Answers fewer rows than it was given: a bug no engine should have."""

    def tick(self, rows: Sequence[Row]) -> list[Painted]:
        return []


async def test_an_engine_that_breaks_its_protocol(make_bench: Any, student: Student, caplog: pytest.LogCaptureFixture) -> None:
    """If the engine's thread cannot go on, every job is answered and the server is told to stop."""
    bench = await make_bench(engine=Breaking(student))
    with caplog.at_level(logging.CRITICAL):
        results = await asyncio.wait_for(asyncio.gather(*(bench.submit(owner=str(i)) for i in range(10))), PATIENCE)
    assert {result.outcome for result in results} == {Outcome.FAILED}
    assert bench.worker.state == "failed"
    assert "the engine stopped working" in bench.failures[0]
