"""Those who use a fleet: viewers, by the server's own sessions, and programs that ask for stills."""

import asyncio
import random
from concurrent.futures import Future
from typing import Any

import numpy as np

from server.codec_pool import Decoded
from server.queue import MemoryQueue
from server.session import Session, next_job_id
from server.types import Job, Outcome
from wire import AnswerKind, FrameIn, FrameOut

from .scenario import Scenario

_FRAME = b"a frame"
_PIXELS = np.zeros((1, 1, 3), dtype=np.uint8)


class InstantPool:
    """Decodes at once, to a single pixel: what it takes is in the scenario's overhead."""

    def decode(self, owner: str, image: bytes, width: int, height: int, look: Any = None) -> "Future[Decoded]":
        decoded: Future[Decoded] = Future()
        decoded.set_result(Decoded(_PIXELS, 0.0))
        return decoded


class Viewer:
    """A camera in front of a session. A frame for which the window has no room is not sent, as the page does."""

    def __init__(self, session: Session, fps: float, jitter: float, random_: random.Random) -> None:
        self._session, self._fps, self._jitter, self._random = session, fps, jitter, random_
        self._loop = asyncio.get_running_loop()
        self._sent: dict[int, float] = {}
        self._next = 0
        self.latencies: list[float] = []
        self.dropped, self.failed = 0, 0
        self._painting: asyncio.Task[None] | None = None
        session.send = self._answered
        session.text('{"type": "params", "similarity": null}')
        self._begin = self._loop.call_later(random_.random() / fps, self._start)

    def _start(self) -> None:
        self._painting = self._loop.create_task(self._session.paint())
        self._epoch = self._loop.time()
        self._frame()

    def _frame(self) -> None:
        if len(self._sent) < self._session.window:
            self._sent[self._next] = self._loop.time()
            self._session.frame(FrameIn(self._next, _FRAME).encode())
        else:
            self.dropped += 1
        self._next += 1
        underway = self._random.uniform(0.0, self._jitter)
        self._begin = self._loop.call_at(self._epoch + self._next / self._fps + underway, self._frame)

    def _answered(self, message: str | bytes) -> None:
        if isinstance(message, str):
            if '"type":"error"' in message:
                self.failed += 1
            return
        answer = FrameOut.decode(message)
        since = self._sent.pop(answer.id)
        if answer.kind is AnswerKind.IMAGE:
            self.latencies.append(self._loop.time() - since)
        else:
            self.dropped += 1

    def forget(self) -> None:
        """Count from now."""
        self.latencies, self.dropped, self.failed = [], 0, 0

    def leave(self) -> None:
        self._begin.cancel()
        if self._painting is not None:
            self._painting.cancel()


class Programs:
    """Stills at random moments, by one owner or another. Each waits for its answer."""

    def __init__(self, scenario: Scenario, queue: MemoryQueue) -> None:
        self._scenario, self._queue, self._random = scenario, queue, random.Random(scenario.seed + 1)
        self._loop = asyncio.get_running_loop()
        self._asking: set[asyncio.Task[None]] = set()
        self.latencies: list[float] = []
        self.late = 0
        self._next = self._loop.call_later(self._pause(), self._ask) if scenario.stills_per_s else None

    def _pause(self) -> float:
        return self._random.expovariate(self._scenario.stills_per_s)

    def _ask(self) -> None:
        now = self._loop.time()
        owner = f"program-{self._random.randrange(self._scenario.programs)}"
        job = Job(next_job_id(), owner, "openai", (("a boat", 1.0),), 0, now, now + self._scenario.still_deadline)
        task = self._loop.create_task(self._wait(job))
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)
        self._next = self._loop.call_later(self._pause(), self._ask)

    async def _wait(self, job: Job) -> None:
        result = await self._queue.submit(job)
        if result.outcome is Outcome.IMAGE:
            self.latencies.append(self._loop.time() - job.created)
        else:
            self.late += 1

    def forget(self) -> None:
        """Count from now."""
        self.latencies, self.late = [], 0

    def leave(self) -> None:
        if self._next is not None:
            self._next.cancel()
        for task in self._asking:
            task.cancel()
