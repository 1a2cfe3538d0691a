"""The worker: one job's fault is its own, nothing waits for nothing, and everything is answered."""

import asyncio
import threading
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from engines.student import Control, Student
from server import codec
from server.eyes import EYES, EyeFailed
from server.session import next_job_id
from server.types import Job, Outcome
from tests.server.bench import PATIENCE


async def test_a_still(make_bench: Any, student: Student) -> None:
    """A still becomes an image of the student's size, with the time it took."""
    bench = await make_bench()
    result = await bench.submit()
    assert (result.outcome, result.rows) == (Outcome.IMAGE, 1)
    assert codec.decode(result.image, 256, 256).shape == (student.height, student.width, 3)
    assert result.timings.engine > 0
    assert result.timings.decode == 0
    assert bench.count(Outcome.IMAGE) == 1


async def test_a_frame(make_bench: Any, picture: Any, encoded: Any) -> None:
    """A frame at strength 0 comes back as itself, and its decoding was timed."""
    bench = await make_bench()
    result = await bench.submit(image=encoded(picture(), image_format="PNG"), strength=0.0)
    got = codec.decode(result.image, 256, 256).astype(int)
    assert np.abs(got - picture()).mean() < 12  # the fake engine sees an eighth of the scale
    assert result.timings.decode > 0


async def test_a_mask(make_bench: Any, picture: Any, encoded: Any) -> None:
    """Where its mask does not paint, a picture comes back; a mask of another size is refused, and says both."""
    bench = await make_bench()
    half = np.zeros((256, 256, 3), np.uint8)
    half[:, 128:] = 255
    image, mask = encoded(picture(), image_format="PNG"), encoded(half, image_format="PNG")
    asked = {"image": image, "strength": 1.0, "api": "openai"}
    ways: tuple[dict[str, Any], ...] = ({}, {"mask": mask}, {"mask": mask, "mask_paints": "black"})
    results = [await bench.submit(**asked, **how) for how in ways]
    whole, masked, other = (codec.decode(result.image, 256, 256).astype(int) for result in results)
    np.testing.assert_array_equal(masked[:, 128:], whole[:, 128:])
    np.testing.assert_array_equal(other[:, :128], whole[:, :128])
    for kept in (masked[:, :128] - picture()[:, :128], other[:, 128:] - picture()[:, 128:]):
        assert np.abs(kept).mean() < 12
    refused = await bench.submit(**asked, mask=encoded(half[:100], image_format="PNG"))
    assert (refused.outcome, refused.code) == (Outcome.FAILED, "bad_mask")
    assert "the mask is 256x100, and its image 256x256" in refused.message


async def test_eyes(make_bench: Any, student: Student, picture: Any, encoded: Any) -> None:
    """What an eye sees of a frame is told its row, whether that comes decoded or not, and may be shown for the painting."""
    seeing = replace(student, controls=(Control("tile", "tile"), Control("grey", "grey")))
    bench = await make_bench(of=seeing)
    frame, looks = picture(), (("grey", 0.5, ()), ("tile", 1.0, (("blur", 2.0),)))
    image = encoded(frame, image_format="PNG")
    for more in ({"api": "openai"}, {"pixels": frame}):
        assert (await bench.submit(image=image, looks=looks, repaint=False, **more)).outcome is Outcome.IMAGE
    assert (await bench.submit()).outcome is Outcome.IMAGE
    (first,), (second,), (plain,) = bench.engine.ticks
    assert (first.image, plain.inputs) == (None, {})
    np.testing.assert_array_equal(first.inputs["scale"], np.array([1.0, 0.5], np.float32))
    np.testing.assert_array_equal(first.inputs["control"][1][..., 0], np.array(Image.fromarray(frame).convert("L")))
    np.testing.assert_array_equal(first.inputs["control"], second.inputs["control"])
    shown = await bench.submit(image=image, looks=(("tile", 1.0, ()),), show="eyes")
    np.testing.assert_array_equal(codec.decode(shown.image, 256, 256), frame)
    assert len(bench.engine.ticks) == 3


async def test_an_eye_that_fails(make_bench: Any, student: Student, encoded: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """An eye that makes no picture of a frame fails that frame, with the reason, and the next is painted."""
    bench = await make_bench(of=replace(student, controls=(Control("tile", "tile"),)))

    def blind(*_: Any) -> None:
        raise EyeFailed("the eye gave nothing")

    with monkeypatch.context() as patch:
        patch.setitem(EYES, "tile", replace(EYES["tile"], see=blind))
        failed = await bench.submit(image=encoded(), looks=(("tile", 1.0, ()),), repaint=False)
    assert (failed.outcome, failed.code, failed.message) == (Outcome.FAILED, "eye_failed", "the eye gave nothing")
    assert (await bench.submit(image=encoded(), looks=(("tile", 1.0, ()),))).outcome is Outcome.IMAGE


async def test_jobs_share_ticks(make_bench: Any) -> None:
    """Jobs that wait while a tick runs share the next one."""
    bench = await make_bench()
    held = await bench.hold()
    others = [bench.submit(owner=str(i)) for i in range(3)]
    await bench.until(lambda: bench.waiting() == 3)
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
    await bench.until(lambda: bench.waiting() == 4)
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
    await bench.until(lambda: bench.waiting() == 3)
    bench.engine.gate.set()
    await asyncio.gather(held, *tasks)
    assert bench.metrics.registry.get_sample_value("allaprima_tick_failures_total", {"student": "embedded"}) == 2


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
    await bench.until(lambda: bench.waiting() == 2)
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

    def decoder(picture: codec.Picture, *rest: int) -> Any:
        assert picture.data != codec.walk(heavy).data or slow.wait(PATIENCE)
        return decode(picture, *rest)

    monkeypatch.setattr(codec, "decode", decoder)
    waiting = bench.submit(image=heavy, owner="heavy")
    try:
        await bench.until(lambda: bench.waiting() == 1)
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
    await bench.until(lambda: bench.waiting() == 12 and len(decoded) == 2)
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
    await bench.until(lambda: bench.waiting() == 20)
    one = bench.submit("one", "modest", seed=99)
    await bench.until(lambda: bench.waiting() == 21)
    bench.engine.gate.set()
    await asyncio.gather(held, one, *many)
    ticks_before = next(n for n, rows in enumerate(bench.engine.ticks) if any(row.seed == 99 for row in rows))
    assert ticks_before == 2  # the one that ran, and the one prepared already


async def test_late(make_bench: Any) -> None:
    """A job past its deadline is dropped while the engine is still busy, be it in the queue or ready for the next tick."""
    bench = await make_bench(batch_sizes=(1,))
    held = await bench.hold()
    deadline = time.monotonic() + 0.05
    late = [bench.submit("late", str(i), deadline=deadline) for i in range(3)]
    results = await asyncio.gather(*late)
    bench.engine.gate.set()
    assert {(r.outcome, r.code) for r in results} == {(Outcome.DROPPED_LATE, "late")}
    await held
    assert len(bench.engine.ticks) == 1
    assert bench.count(Outcome.DROPPED_LATE) == 3


async def test_withdrawn(make_bench: Any) -> None:
    """A job whose owner left never reaches the engine."""
    bench = await make_bench(batch_sizes=(1,))
    held = await bench.hold()
    gone = [bench.submit("gone", str(i)) for i in range(3)]
    await bench.until(lambda: bench.waiting() == 3)
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


async def test_blends(make_bench: Any) -> None:
    """A blend's conditioning is the weighted sum of its parts'."""
    bench = await make_bench()
    await bench.submit("c")
    now = time.monotonic()
    await bench.queue.submit(Job(next_job_id(), "me", "stream", (("a", 0.25), ("b", 0.75)), 0, now, now + PATIENCE))
    expected = 0.25 * bench.engine.condition("a") + 0.75 * bench.engine.condition("b")
    np.testing.assert_allclose(bench.engine.ticks[-1][0].conditioning, expected, atol=1e-6)


async def test_a_job_that_breaks_what_brings_it(make_bench: Any, encoded: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job that cannot even be prepared fails, and those after it are painted."""
    bench = await make_bench()
    with monkeypatch.context() as patch:
        patch.setattr(bench.worker._shared.pool, "decode", lambda *_: 1 / 0)
        result = await bench.submit(image=encoded())
    assert (result.outcome, result.code) == (Outcome.FAILED, "engine_error")
    assert (await bench.submit(image=encoded())).outcome is Outcome.IMAGE
