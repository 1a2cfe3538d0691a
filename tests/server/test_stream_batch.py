"""Stream Batch: a student of T steps paints T frames of one stream at once, each at a step of its own, and none of them knows.

(StreamDiffusion, arXiv 2312.12491, section 3.1; here it follows from ticks that take rows of any jobs.) Images are those of
the oracle's engine, where every latent can be read from the pixels, and of the fake engine.
"""

import asyncio
import io
import json
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from engines.engine import Engine, Painted, Row
from engines.fake_engine import FakeEngine
from engines.openvino_engine import OpenVinoEngine
from engines.options import OpenVinoOptions
from engines.student import Student
from engines.students import load_student
from server.codec_pool import CodecPool
from server.metrics import Metrics
from server.queue import MemoryQueue
from server.session import Session, next_job_id
from server.settings import load_settings
from server.shared import Shared
from server.types import Job, JobKind, Outcome
from server.worker import Worker
from tests.engines import oracle
from tests.server.waiting import until
from wire import AnswerKind, FrameIn, FrameOut

PATIENCE = 20.0
MOST_ROWS = 8
FRAMES = 12
EXACT = 1e-4

Pixels = NDArray[np.uint8]


class Stepped:
    """An engine whose ticks each wait to be let go, and which remembers them; all sizes cost the same."""

    def __init__(self, engine: Engine, student: Student) -> None:
        self.engine, self.student = engine, student
        self.ticks: list[list[Row]] = []
        self.free = False
        self._turns = threading.Semaphore(0)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.engine, name)

    def warm_up(self) -> dict[int, float]:
        return dict.fromkeys(self.engine.batch_sizes, 1.0)

    def tick(self, rows: Sequence[Row]) -> list[Painted]:
        self.ticks.append(list(rows))
        assert self.free or self._turns.acquire(timeout=PATIENCE)
        return self.engine.tick(rows)

    def let_go(self) -> None:
        """Let the tick that waits, or the next one, run."""
        self._turns.release()

    def run_free(self) -> None:
        self.free = True
        self._turns.release()

    def close(self) -> None:
        """The engine is shared."""


@dataclass
class Stream:
    """One live user's frames, on their way through a worker."""

    engine: Stepped
    worker: Worker
    queue: MemoryQueue
    pool: CodecPool
    metrics: Metrics
    strength: float

    @property
    def steps(self) -> int:
        return len(self.engine.student.contract.repaint(self.strength))

    def prompt(self, frame: int) -> str:
        """Another picture is asked for with every frame, as when a prompt is on its way to another."""
        return oracle.prompt(self.engine.student.name, oracle.PICTURES[frame % len(oracle.PICTURES)])

    async def paint(self, frame: int) -> tuple[Pixels, int]:
        """A frame's image, and how many rows shared its last tick."""
        now = time.monotonic()
        result = await self.queue.submit(
            Job(
                next_job_id(), "me", "stream", ((self.prompt(frame), 1.0),), frame, now, now + PATIENCE, _file(frame),
                self.strength, format="png",
            )
        )  # fmt: skip
        assert result.outcome is Outcome.IMAGE, result.message
        return _pixels(result.image), result.rows

    async def until(self, true: Callable[[], object]) -> None:
        await until(true, PATIENCE)

    async def in_a_tick(self, ticks: int) -> None:
        await self.until(lambda: len(self.engine.ticks) == ticks)

    async def ready_for_the_next(self, jobs: int = 1) -> None:
        """Wait until so many jobs are decoded and wait for the tick that runs to end."""
        await self.until(
            lambda: self.worker.waiting() == jobs and all(task.decoded() for task in self.worker._prefetch._tasks[JobKind.LIVE])
        )


def _file(frame: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(oracle.to_pixels(oracle.source(frame))).save(buffer, "PNG")
    return buffer.getvalue()


def _pixels(image: bytes) -> Pixels:
    return np.asarray(Image.open(io.BytesIO(image)).convert("RGB"))


@pytest.fixture(scope="module")
def openvino(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """The oracle on OpenVINO."""
    graphs = oracle.graphs(tmp_path_factory.getbasetemp() / "oracle")
    student = oracle.small(load_student("lcm-dreamshaper-v7"), graphs)
    return OpenVinoEngine(student, (1, MOST_ROWS), tmp_path_factory.mktemp("stream"), OpenVinoOptions("fp32", 1))


@pytest.fixture
async def make_stream(request: pytest.FixtureRequest) -> AsyncIterator[Callable[..., Any]]:
    """`await make_stream(engine, student, strength)`: a worker that runs, and stops at the end."""
    streams: list[Stream] = []
    pool = CodecPool(2)

    async def make(kind: str, name: str, strength: float) -> Stream:
        student = oracle.small(load_student(name), Path())
        engine = FakeEngine(student, (1, MOST_ROWS)) if kind == "fake" else request.getfixturevalue("openvino")
        queue, metrics, stepped = MemoryQueue(100), Metrics(), Stepped(engine, student)
        worker = Worker(student, lambda say: stepped, queue, load_settings({"engine": "fake"}), Shared(pool, metrics))
        stream = Stream(stepped, worker, queue, pool, metrics, strength)
        streams.append(stream)
        worker.start()
        await stream.until(lambda: worker.board.read().ready)
        return stream

    yield make
    for stream in streams:
        stream.engine.run_free()
        stream.queue.close()
        await asyncio.to_thread(stream.worker.stop)
    pool.shutdown()


async def one_by_one(stream: Stream) -> list[Pixels]:
    """Each frame painted before the next one comes."""
    stream.engine.run_free()
    images = [(await stream.paint(frame))[0] for frame in range(FRAMES)]
    assert {len(rows) for rows in stream.engine.ticks} == {1}
    return images


async def pipelined(stream: Stream) -> list[tuple[Pixels, int]]:
    """A frame comes with every tick."""
    painting = [asyncio.ensure_future(stream.paint(0))]
    for frame in range(1, FRAMES):
        await stream.in_a_tick(frame)
        painting.append(asyncio.ensure_future(stream.paint(frame)))
        await stream.ready_for_the_next()
        stream.engine.let_go()
    await stream.in_a_tick(FRAMES)
    stream.engine.run_free()
    return await asyncio.gather(*painting)


CASES = [
    ("fake", "lcm-lora-sd15", 1.0),
    ("openvino", "lcm-lora-sd15", 1.0),
    ("openvino", "tcd-sd15-lora", 0.77),
    ("openvino", "sdxl-lightning-4step", 0.75),
    ("openvino", "2-rectified-flow", 1.0),
    ("openvino", "sd-turbo", 0.5),
]


@pytest.mark.parametrize(("kind", "name", "strength"), CASES)
async def test_frames_share_ticks_and_do_not_know(make_stream: Any, kind: str, name: str, strength: float) -> None:
    """Frames in flight at all steps at once are the images that each would be by itself."""
    alone = await one_by_one(await make_stream(kind, name, strength))
    together = await pipelined(await make_stream(kind, name, strength))
    for frame, (one, (other, _)) in enumerate(zip(alone, together, strict=True)):
        if kind == "fake":
            np.testing.assert_array_equal(one, other)
            continue
        got = oracle.to_latents(other)
        assert np.abs(got - oracle.to_latents(one)).max() <= oracle.STEP
        picture = oracle.PICTURES[frame % len(oracle.PICTURES)]
        expected = oracle.seen(name, picture, frame, strength, oracle.source(frame))[-1].landed.numpy()
        assert np.abs(got - expected).max() <= EXACT
    assert len({image.tobytes() for image in alone}) == FRAMES  # or one frame could pass for another


@pytest.mark.parametrize(("kind", "name", "strength"), CASES)
async def test_a_tick_is_one_step_of_each_frame(make_stream: Any, kind: str, name: str, strength: float) -> None:
    """Once it is full, every tick takes one row of each step, begins one frame and ends one."""
    stream = await make_stream(kind, name, strength)
    painted, ticks, steps = await pipelined(stream), stream.engine.ticks, stream.steps
    assert len(ticks) == FRAMES + steps - 1
    for rows in ticks[steps - 1 : FRAMES]:
        assert sorted(row.index for row in rows) == list(range(steps))
        assert len({row.job for row in rows}) == steps
    assert [rows for _, rows in painted][: FRAMES - steps + 1] == [steps] * (FRAMES - steps + 1)


# by way of a session --------------------------------------------------------------------------------------------------


class LiveUser:
    """A session over a stream's queue, and what it answered."""

    def __init__(self, stream: Stream) -> None:
        self.stream, self.answers = stream, list[FrameOut]()
        student = stream.engine.student
        own = stream.metrics.of(student.name)
        self.session = Session(student, "me", stream.queue, stream.pool, own, lambda owner: True, 100, lambda steps: PATIENCE)
        self.session.send = self._hear
        params = {"prompt": stream.prompt(0), "seed": 3, "strength": stream.strength, "format": "png", "similarity": None}
        self.session.text(json.dumps({"type": "params", **params}))

    def _hear(self, message: str | bytes) -> None:
        if isinstance(message, bytes):
            self.answers.append(FrameOut.decode(message))

    async def film(self) -> None:
        """A camera that gives a frame with every tick."""
        painting = asyncio.ensure_future(self.session.paint())
        self.session.frame(FrameIn(0, _file(0)).encode())
        for frame in range(1, FRAMES):
            await self.stream.in_a_tick(frame)
            self.session.frame(FrameIn(frame, _file(frame)).encode())
            await self._settled()
            self.stream.engine.let_go()
        self.stream.engine.run_free()
        await self.stream.until(lambda: len(self.answers) == FRAMES)
        painting.cancel()

    def _unanswered(self) -> int:
        """Frames without an answer, but for one that waits in the mailbox: when nothing more happens, they are jobs."""
        waiting = sum(message is None for message in self.session._unanswered.values())
        return waiting - (self.session._mailbox._item is not None)

    async def _settled(self) -> None:
        """Wait until nothing more will happen before a tick ends: jobs are in it, or decoded and waiting for the next."""
        queue, worker, engine = self.stream.queue, self.stream.worker, self.stream.engine
        before = -1
        while before != queue.in_flight():
            before = queue.in_flight()
            for _ in range(20):  # what the event loop has to do, it does
                await asyncio.sleep(0)
            await self.stream.until(
                lambda: (
                    len(engine.ticks[-1]) + worker.waiting() == queue.in_flight() == self._unanswered()
                    and all(task.decoded() for task in worker._prefetch._tasks[JobKind.LIVE])
                )
            )


SESSIONS = [("lcm-lora-sd15", 1.0), ("2-rectified-flow", 0.5), ("2-rectified-flow", 1.0), ("sd-turbo", 0.5)]


@pytest.mark.parametrize(("name", "strength"), SESSIONS)
async def test_a_session_streams(make_stream: Any, name: str, strength: float) -> None:
    """A live session's frames are answered in order, and each image is the one that its frame would be by itself."""
    user = LiveUser(await make_stream("openvino", name, strength))
    await user.film()
    assert [answer.id for answer in user.answers] == list(range(FRAMES))
    images = [answer for answer in user.answers if answer.kind is AnswerKind.IMAGE]
    assert max(answer.rows for answer in images) == user.stream.steps
    for answer in images:
        seen = oracle.seen(name, oracle.PICTURES[0], 3, strength, oracle.source(answer.id))
        assert np.abs(oracle.to_latents(_pixels(answer.image)) - seen[-1].landed.numpy()).max() <= EXACT


@pytest.mark.parametrize(("name", "strength"), SESSIONS)
async def test_no_frame_is_dropped(make_stream: Any, name: str, strength: float) -> None:
    """A camera that is no faster than the ticks has every frame painted."""
    user = LiveUser(await make_stream("openvino", name, strength))
    await user.film()
    assert [answer.kind for answer in user.answers] == [AnswerKind.IMAGE] * FRAMES
