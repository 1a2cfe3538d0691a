"""One student at work: its queue and worker, and its sessions' way to them."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from engines.engine import Engine
from engines.say import Say
from engines.student import Student

from .energy import Ledger
from .metrics import Metrics, StudentMetrics
from .queue import JobQueue, MemoryQueue
from .session import Session
from .settings import Settings
from .tracing import Tracer
from .turns import Device
from .worker import Worker

MakeEngine = Callable[[Say], Engine]

_TICKS_OF_PATIENCE = 3
"""A frame is worth painting as long as no more than so many times its own ticks pass before it is begun."""


@dataclass(frozen=True, slots=True)
class Served:
    """A student, and everything of its own."""

    student: Student
    queue: JobQueue
    worker: Worker
    metrics: StudentMetrics
    make_session: Callable[[], Session]

    def not_ready(self) -> str | None:
        """Why it cannot paint now, or None if it can."""
        if self.worker.state == "ready":
            return None
        doing = f" ({self.worker.doing})" if self.worker.doing else ""
        return {
            "starting": f"starting: the engine of {self.student.name} is being built and warmed up{doing}",
            "failed": self.worker.error,
        }.get(self.worker.state, "shutting down")

    def waiting(self) -> int:
        """Jobs admitted and not yet in a tick."""
        return self.queue.waiting() + self.worker.waiting()


def serve_student(
    student: Student,
    make_engine: MakeEngine,
    settings: Settings,
    batch_sizes: tuple[int, ...],
    metrics: Metrics,
    pool: ThreadPoolExecutor,
    device: Device,
    ledger: Ledger,
    tracer: Tracer,
    on_failed: Callable[[], None],
) -> Served:
    """Wire one student's parts. Nothing runs yet."""
    queue = MemoryQueue(capacity=settings.max_waiting + (student.longest_job + 1) * settings.max_sessions)
    own = metrics.of(student.name)
    worker = Worker(make_engine, queue, pool, own, settings.max_pixels, on_failed, device, ledger, tracer)
    own.up(lambda: worker.state == "ready")
    front = tracer.jobs(queue, student.name)
    full_pipeline = 2 * max(batch_sizes)

    def make_session() -> Session:
        return Session(
            student=student,
            queue=front,
            pool=pool,
            metrics=own,
            room=lambda: queue.in_flight() < full_pipeline,
            max_prompt=settings.max_prompt,
            max_pixels=settings.max_pixels,
            patience=lambda steps: max(settings.frame_deadline, _TICKS_OF_PATIENCE * steps * worker.tick_seconds()),
        )

    return Served(student, front, worker, own, make_session)
