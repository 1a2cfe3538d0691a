"""Pictures made larger after they are painted: the stage's turns, its share, and what becomes of who waits."""

import asyncio
import threading
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from engines.engine import Pixels
from engines.errors import EngineError
from engines.student import Student
from engines.upscalers import Enlarger
from engines.upscalers.enlarger import bicubic, shape_for
from engines.upscalers.fake import FakeEnlarger
from server import codec
from server.status import State
from server.turns import Device, Live
from server.types import Outcome
from tests.server.bench import PATIENCE, Bench, one_by_one
from tests.student_files import an_upscaler

pytestmark = one_by_one
STILL = {"api": "openai"}


class Gated(FakeEnlarger):
    """One whose tiles wait for the gate, and that can be told to fail."""

    def __init__(self, student: Student) -> None:
        assert student.upscaler is not None
        super().__init__(shape_for(student, student.upscaler, 1))
        self.gate, self.began, self.tiles = threading.Event(), threading.Event(), 0
        self.gate.set()
        self.error: Exception | None = None
        self.closed = False

    def enlarge(self, tile: Pixels) -> Pixels:
        self.tiles += 1
        self.began.set()
        assert self.gate.wait(PATIENCE)
        if self.error is not None:
            raise self.error
        return super().enlarge(tile)

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def upscaled(student: Student) -> Student:
    """The student that ships with an upscaler, whose pictures are one tile at twice their size, and four at four times."""
    return replace(student, upscaler=replace(an_upscaler(), tile=512, overlap=0))


@pytest.fixture
async def stage(make_bench: Any, upscaled: Student) -> tuple[Bench, Gated]:
    """A worker at work with an upscaler, and that."""
    enlarger = Gated(upscaled)
    bench = await make_bench(of=upscaled, opening=lambda say: enlarger)
    enlarger.tiles = 0
    return bench, enlarger


def _pixels(image: bytes, side: int) -> Pixels:
    return codec.decode(image, side, side)


async def test_larger(stage: tuple[Bench, Gated], upscaled: Student) -> None:
    """A still is painted, made larger, and says its own size, and what each took."""
    bench, enlarger = stage
    plain = await bench.submit(**STILL)
    assert (plain.size, plain.timings.upscale, enlarger.tiles) == ((256, 256), 0.0, 0)
    for scale, tiles in ((2, 1), (4, 4)):
        enlarger.tiles = 0
        result = await bench.submit(**STILL, upscale=scale)
        assert (result.outcome, result.size, enlarger.tiles) == (Outcome.IMAGE, (scale * 256, scale * 256), tiles)
        expected = bicubic(_pixels(plain.image, 256), scale)
        np.testing.assert_array_equal(_pixels(result.image, scale * 256), expected)
        assert result.timings.upscale > 0
    resized = await bench.submit(**STILL, upscale=2, size=(300, 400))
    assert resized.size == (300, 400)
    assert set(bench.worker.board.read().upscales) == {2, 4}


async def _begun(enlarger: Gated) -> None:
    assert await asyncio.to_thread(enlarger.began.wait, PATIENCE)


async def test_withdrawn(stage: tuple[Bench, Gated]) -> None:
    """A picture that nobody waits for any more takes no further tile, and the next one is made."""
    bench, enlarger = stage
    enlarger.gate.clear()
    enlarger.began.clear()
    gone = bench.submit(**STILL, upscale=4)
    await _begun(enlarger)
    gone.cancel()
    await asyncio.wait([gone])
    enlarger.gate.set()
    assert (await bench.submit(**STILL, upscale=2)).size == (512, 512)
    assert enlarger.tiles == 2
    await bench.until(lambda: not bench.worker.in_flight())


@pytest.mark.parametrize("error", [EngineError("the device has 3 MiB free"), ValueError("no picture")])
async def test_one_that_fails(stage: tuple[Bench, Gated], error: Exception) -> None:
    """A picture that cannot be made larger fails alone, with the reason."""
    bench, enlarger = stage
    enlarger.error = error
    failed = await bench.submit(**STILL, upscale=2)
    assert (failed.outcome, failed.code) == (Outcome.FAILED, "engine_error")
    assert str(error) in failed.message
    enlarger.error = None
    assert (await bench.submit(**STILL, upscale=2)).outcome is Outcome.IMAGE


async def test_without_room_for_it(make_bench: Any, upscaled: Student) -> None:
    """An upscaler that does not fit on the device is said, and its student paints all the same."""

    def opening(_: Any) -> Enlarger:
        raise EngineError("cuda:0 has 3 MiB of 8 GiB free, and the upscaler needs 5 GiB: free the device of other work")

    bench = await make_bench(of=upscaled, opening=opening)
    status = bench.worker.board.read()
    assert (status.state, dict(status.upscales)) == (State.READY, {})
    assert "the upscaler needs 5 GiB" in status.no_upscale
    assert (await bench.submit(**STILL)).outcome is Outcome.IMAGE
    failed = await bench.submit(**STILL, upscale=2)
    assert (failed.outcome, failed.code) == (Outcome.FAILED, "no_upscaler")
    assert failed.message.endswith("free the device of other work. Ask without upscale")


async def test_no_upscaler_at_all(make_bench: Any) -> None:
    """A job of a front end that knows more than its worker is answered."""
    bench = await make_bench()
    assert (await bench.submit(**STILL, upscale=2)).code == "no_upscaler"


async def test_live_users_have_their_share(make_bench: Any, upscaled: Student) -> None:
    """While somebody is live, the next tile waits as long as leaves stills their share; when nobody is, it comes at once, and
    of those that wait by then, whoever has many delays nobody who has one."""
    enlarger, live, order = Gated(upscaled), Live(), list[str]()
    device = Device(live=live)
    bench = await make_bench(of=upscaled, opening=lambda say: enlarger, device=device, stills_share="0.00001")
    assert (await bench.submit()).outcome is Outcome.IMAGE  # a frame
    assert live.lately()
    live.lately = lambda: not over  # type: ignore[method-assign]
    over = False
    enlarger.tiles = 0
    slow = bench.submit(**STILL, upscale=4)
    await bench.until(lambda: enlarger.tiles == 1)
    for owner in ("many", "many", "many", "one"):
        bench.submit(owner=owner, **STILL, upscale=2).add_done_callback(lambda _, owner=owner: order.append(owner))
    await bench.until(lambda: len(bench.worker._upscaling._waiting) == 4)
    assert (await bench.submit()).outcome is Outcome.IMAGE
    assert (enlarger.tiles, slow.done()) == (1, False)
    over = True
    assert (await slow).size == (1024, 1024)
    await bench.until(lambda: len(order) == 4)
    assert order.index("one") == 1


async def test_one_that_hangs(make_bench: Any, upscaled: Student) -> None:
    """Who waits for an upscaler that hangs is told; when it comes back, it is used again."""
    enlarger = Gated(upscaled)
    bench = await make_bench(of=upscaled, opening=lambda say: enlarger, stuck_seconds="1", stuck_ticks="1.1")
    enlarger.gate.clear()
    hung = await bench.submit(**STILL, upscale=2)
    enlarger.gate.set()
    assert (hung.outcome, hung.code) == (Outcome.FAILED, "no_upscaler")
    assert "hangs: a tile of the upscaler" in hung.message
    await bench.until(lambda: not bench.worker.board.read().no_upscale)
    assert (await bench.submit(**STILL, upscale=2)).outcome is Outcome.IMAGE


async def test_the_end(stage: tuple[Bench, Gated]) -> None:
    """At shutdown the tile that runs is the last, who waits is told, and what enlarges is closed."""
    bench, enlarger = stage
    enlarger.gate.clear()
    enlarger.began.clear()
    waiting = [bench.submit(**STILL, upscale=4) for _ in range(2)]
    await _begun(enlarger)
    bench.worker.begin_stop()
    enlarger.gate.set()
    assert await asyncio.to_thread(bench.worker.stop)
    assert {result.code for result in await asyncio.gather(*waiting)} == {"shutting_down"}
    assert enlarger.closed


async def test_late(make_bench: Any, upscaled: Student) -> None:
    """Who waits longer than a still is waited for is told so, though another is on its way still."""
    enlarger, always = Gated(upscaled), Live()
    always.lately = lambda: True  # type: ignore[method-assign]
    device = Device(live=always)
    bench = await make_bench(of=upscaled, opening=lambda say: enlarger, device=device, stills_share="0.00001")
    enlarger.tiles = 0
    slow = bench.submit(**STILL, upscale=4)
    await bench.until(lambda: enlarger.tiles == 1)
    late = await bench.submit(**STILL, upscale=2, deadline=time.monotonic() + 0.3)
    assert late.outcome is Outcome.DROPPED_LATE
    assert not slow.done()
    slow.cancel()
    await asyncio.wait([slow])


async def test_live_frames_go_first(make_bench: Any, upscaled: Student) -> None:
    """A live frame is made larger whole between two tiles of a still, however long those pause."""
    enlarger = Gated(upscaled)
    bench = await make_bench(of=upscaled, opening=lambda say: enlarger, stills_share="0.00001")
    assert (await bench.submit(upscale=2)).size == (512, 512)
    enlarger.tiles = 0
    still = bench.submit(**STILL, upscale=4)
    await bench.until(lambda: enlarger.tiles == 1)
    assert (await bench.submit(upscale=4)).size == (1024, 1024)
    assert enlarger.tiles >= 5
    still.cancel()
    await asyncio.wait([still])
