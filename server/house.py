"""The parts of one server, put together: what the routes are given."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from engines.engine import Engine
from engines.student import Student

from .metrics import Metrics
from .queue import JobQueue, MemoryQueue
from .session import Session
from .sessions import Sessions
from .settings import Settings
from .worker import Worker

CODEC_THREADS = 2


@dataclass(frozen=True, slots=True)
class House:
    """One server's parts. `shut` is called last."""

    settings: Settings
    student: Student
    metrics: Metrics
    queue: JobQueue
    pool: ThreadPoolExecutor
    worker: Worker
    sessions: Sessions
    started: float

    def not_ready(self) -> str | None:
        """Why the server cannot paint now, or None if it can."""
        if self.worker.state == "ready":
            return None
        return {
            "starting": "starting: the engine is being built and warmed up",
            "failed": self.worker.error,
        }.get(self.worker.state, "shutting down")

    def shut(self) -> None:
        self.queue.close()
        self.worker.stop()
        self.pool.shutdown()


def build_house(
    settings: Settings, student: Student, make_engine: Callable[[], Engine], on_failed: Callable[[], None] = lambda: None
) -> House:
    """Wire the parts. Nothing runs yet: `worker.start()` begins."""
    metrics = Metrics(student.name)
    queue = MemoryQueue(capacity=settings.max_waiting + 2 * settings.max_sessions)
    pool = ThreadPoolExecutor(CODEC_THREADS, thread_name_prefix="codec")
    worker = Worker(make_engine, queue, pool, metrics, settings.max_pixels, on_failed)
    full_pipeline = 2 * max(settings.batch_sizes)

    def make_session() -> Session:
        return Session(
            queue=queue,
            pool=pool,
            metrics=metrics,
            room=lambda: queue.in_flight() < full_pipeline,
            max_prompt=settings.max_prompt,
            max_pixels=settings.max_pixels,
            frame_deadline=settings.frame_deadline,
            negative_prompt=student.negative_prompt,
        )

    sessions = Sessions(make_session, settings.max_sessions, settings.resume_seconds, metrics)
    metrics.jobs_waiting.set_function(lambda: queue.waiting() + worker.waiting())
    metrics.jobs_in_flight.set_function(queue.in_flight)
    return House(settings, student, metrics, queue, pool, worker, sessions, time.time())
