"""Workers in a process of their own: their parts put together, from a queue elsewhere to engines here."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from engines.student import Student

from .codec_pool import CodecPool
from .energy import Energy
from .keys import Keys
from .metrics import Metrics
from .remote import worker_queue
from .server import build_shared, end_workers, load_keys
from .settings import Settings
from .shared import Shared
from .status import State, Status
from .tracing import Tracer
from .upscaling import opener_of
from .worker import MakeEngine, Worker

if TYPE_CHECKING:
    from .queue.redis import QueueError, RedisWorkerQueue


@dataclass(frozen=True, slots=True)
class WorkerServer:
    """The workers of one process, one for each student."""

    settings: Settings
    keys: Keys
    workers: Sequence[Worker]
    queues: "Sequence[RedisWorkerQueue]"
    metrics: Metrics
    energy: Energy
    tracer: Tracer
    pool: CodecPool
    lost: list[str] = field(default_factory=list)
    """Why a queue will never do."""

    def not_ready(self) -> str | None:
        """Why not every student can be painted now, or None if all can."""
        why = [*(queue.why() for queue in self.queues), *(worker.board.read().not_ready() for worker in self.workers)]
        return next((said for said in why if said), None)

    def error(self) -> str:
        """Why the workers had to stop; empty if they had not."""
        return next((why for why in (*self.lost, *(worker.board.read().lost for worker in self.workers)) if why), "")

    def start(self) -> None:
        self.energy.sampler.start()
        for queue in self.queues:
            queue.start()
        for worker in self.workers:
            worker.start()

    def begin_end(self) -> None:
        """Told first: take nothing more."""
        for queue in self.queues:
            queue.close()

    def shut(self, patience: float = 60.0) -> bool:
        """Take no more, finish the ticks that run, give back what is in none, and say goodbye, within so many seconds.

        False if a thread is left that hangs. Idempotent.
        """
        until = time.monotonic() + patience
        for queue in self.queues:
            queue.close()
        ended = end_workers(self.workers, self.energy, self.pool, until)
        for queue in self.queues:
            queue.leave(max(0.0, until - time.monotonic()))
        self.tracer.shut(max(0.0, until - time.monotonic()))
        return ended


def build_worker_server(
    settings: Settings, students: Sequence[tuple[Student, MakeEngine]], on_failed: Callable[[], None] = lambda: None
) -> WorkerServer:
    """Wire the parts. Nothing runs yet: `start` begins. Raises SettingsError.

    `on_failed` is called, by any thread, when a worker has failed for good, or the queue will never do.
    """
    energy, shared = build_shared(settings)
    lost: list[str] = []

    def never(why: "QueueError") -> None:
        lost.append(str(why))
        on_failed()

    pairs = [_at_work(student, make_engine, settings, shared, never, on_failed) for student, make_engine in students]
    workers, queues = [worker for worker, _ in pairs], [queue for _, queue in pairs]
    return WorkerServer(
        settings, load_keys(settings), workers, queues, shared.metrics, energy, shared.tracer, shared.pool, lost
    )


def _at_work(
    student: Student,
    make_engine: MakeEngine,
    settings: Settings,
    shared: Shared,
    never: "Callable[[QueueError], None]",
    on_failed: Callable[[], None],
) -> "tuple[Worker, RedisWorkerQueue]":
    """A worker, and its side of a queue."""
    metrics = shared.metrics.of(student.name)

    def published(status: Status) -> None:
        queue.announce(status)
        if status.state is State.FAILED:
            on_failed()

    queue = worker_queue(settings, student, never)
    worker = Worker(student, make_engine, queue, settings, shared, opener_of(student, settings))
    worker.board.subscribe(published)
    metrics.up(lambda: worker.board.read().ready)
    metrics.jobs(worker.waiting, worker.in_flight)
    metrics.queue_up(lambda: not queue.why())
    return worker, queue
