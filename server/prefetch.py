"""The jobs that wait, and those of the next tick, whose images are decoded while the present one runs."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from engines.engine import Pixels
from engines.student import Student
from engines.student.contract import UnsupportedStrength

from . import codec
from .answers import Answers
from .batcher import Batcher
from .task import Task
from .types import Job


class Prefetch:
    """A batcher, and one tick's worth of tasks prepared from it. Whoever calls anything holds the worker's lock.

    `decoded` is called, by a thread of the pool and without the lock, when an image has been decoded.
    """

    def __init__(
        self,
        wanted: Callable[[int], bool],
        pool: ThreadPoolExecutor,
        answers: Answers,
        max_pixels: int,
        decoded: Callable[[object], None],
    ) -> None:
        self._batcher = Batcher(wanted)
        self._pool, self._answers, self._max_pixels, self._decoded = pool, answers, max_pixels, decoded
        self._prepared: list[Task] = []

    def __len__(self) -> int:
        """Jobs that are not in a tick yet."""
        return len(self._batcher) + len(self._prepared)

    def add(self, jobs: Sequence[Job]) -> None:
        for job in jobs:
            self._batcher.add(job)

    def fill(self, most: int, student: Student) -> None:
        """Prepare as many as a tick takes, and start their decoding. Those that are late or impossible are answered."""
        while (room := most - len(self._prepared)) > 0:
            picked = self._batcher.pick(room, time.time())
            for job in picked.dropped:
                self._answers.late(job)
            tasks = (self._prepare(job, student) for job in picked.run)
            self._prepared += [task for task in tasks if task is not None]
            if not picked.run:
                return

    def ready(self) -> list[Task]:
        """Those that can be in a tick now; one that is still being decoded delays no other."""
        return [task for task in self._prepared if task.decoded()]

    def remove(self, tasks: Sequence[Task]) -> None:
        self._prepared = [task for task in self._prepared if task not in tasks]

    def drain(self) -> list[Job]:
        """All that wait; none does any more."""
        jobs = [task.job for task in self._prepared] + self._batcher.pick(len(self._batcher), 0.0).run
        self._prepared.clear()
        return jobs

    def _prepare(self, job: Job, student: Student) -> Task | None:
        try:
            steps = student.contract.still() if job.image is None else student.contract.repaint(job.strength)
        except UnsupportedStrength as error:
            self._answers.refused(job, "unsupported_strength", str(error))
            return None
        if job.image is None:
            return Task(job, steps, None)
        decoding = self._pool.submit(self._decode, job.image, student)
        decoding.add_done_callback(self._decoded)
        return Task(job, steps, decoding)

    def _decode(self, image: bytes, student: Student) -> tuple[Pixels, float]:
        began = time.perf_counter()
        pixels = codec.decode(image, student.width, student.height, codec.Limits(self._max_pixels))
        return pixels, time.perf_counter() - began
