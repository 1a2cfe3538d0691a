"""A session with its client's side in hand, and a queue that is answered by hand."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

from engines.students import load_student
from server.codec_pool import CodecPool
from server.metrics import Metrics
from server.queue import QueueFull
from server.session import Session
from server.types import Job, Outcome, Refusal, Result
from tests.server.waiting import until
from wire import FrameIn, FrameOut

PATIENCE = 10.0
DEPTH = 2
LIFE = 60.0
"""Seconds for which a frame is worth painting: no test is to be so slow."""


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

    def __init__(self, queue: HandQueue, pool: CodecPool, **more: Any) -> None:
        self.now, self.room, self.idle = 1000.0, True, False
        self.queue, self.metrics = queue, Metrics()
        student = more.pop("student", load_student("embedded"))
        options: dict[str, Any] = {"max_prompt": 100, "patience": lambda steps: LIFE}
        own = self.metrics.of("embedded")
        options |= {"room": lambda owner: self.room, "idle": lambda: self.idle, "clock": lambda: self.now, **more}
        self.session = Session(student, "me", queue, pool, own, **options)  # type: ignore[arg-type]
        self.sent: list[FrameOut | dict[str, Any]] = []
        self.session.send = lambda m: self.sent.append(FrameOut.decode(m) if isinstance(m, bytes) else json.loads(m))

    def frame(self, number: int, image: bytes) -> None:
        self.session.frame(FrameIn(number, image).encode())

    def params(self, **changes: Any) -> None:
        self.session.text(json.dumps({"type": "params", **changes}))

    async def until(self, true: Callable[[], object]) -> None:
        await until(true, PATIENCE)

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
