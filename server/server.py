"""The parts of one server, put together: what the routes are given."""

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pydantic import ValidationError

from engines.student import Student

from .codec import Limits
from .codec_pool import CodecPool
from .energy import Energy, build_energy
from .energy.cuda import pci_bus_id
from .fair_pool import Allowance
from .files import Files
from .key_file import KeyFileError
from .keys import Keys
from .metrics import Metrics
from .places import Places
from .queue import MemoryQueue
from .rates import Rates
from .remote import front_queue, session_store, shared_counts
from .served import Served, serve_student
from .session import Session
from .session_store import Kept, SessionStore
from .sessions import Sessions
from .settings import Settings, SettingsError
from .shared import Shared
from .status import State, Status
from .stills import Stills
from .tracing import NO_TRACER, Tracer
from .types import Job, Result
from .upscaling import opener_of
from .worker import MakeEngine, Worker

if TYPE_CHECKING:
    from redis.asyncio import Redis

CODEC_THREADS = max(2, min(8, (os.cpu_count() or 2) // 2))
"""To decode, and as many to encode. JPEG takes milliseconds, so two are enough for a CPU's images, and not for a GPU's."""


_ANY = "*"
"""The alias that every name has."""


@dataclass(frozen=True, slots=True)
class Server:
    """One server's parts. `students` has the default one first; `shut` is called last."""

    settings: Settings
    keys: Keys
    rates: Rates
    places: Places
    counts: "Redis | None"
    students: Mapping[str, Served]
    workers: Sequence[Worker]
    metrics: Metrics
    energy: Energy
    tracer: Tracer
    pool: CodecPool
    sessions: Sessions
    stills: Stills
    files: Files
    started: float
    aliases: Mapping[str, str] = field(default_factory=dict)

    def revive(self, kept: Kept, owner: str) -> Session | None:
        """A session that another front end left; None if it is of a student, or of params, that are not known here."""
        if (served := self.students.get(kept.student)) is None:
            return None
        session = served.make_session(owner)
        try:
            session.restore(kept)
        except ValidationError:
            return None
        return session

    def served(self, name: str | None) -> Served | None:
        """The student of that name or alias, or the first if none is named; None if it is not served here."""
        if name is None:
            return next(iter(self.students.values()))
        return self.students.get(name) or self.students.get(self.aliases.get(name, self.aliases.get(_ANY, "")))

    def names(self) -> str:
        return ", ".join(self.students)

    def not_ready(self) -> str | None:
        """Why not every student can paint now, or None if all can. Of what workers elsewhere paint, one is enough."""
        why = [served.not_ready() for served in self.students.values()]
        if not self.workers and None in why:  # workers come and go by student: the others' users need not go with them
            return None
        return next((said for said in why if said is not None), None)

    def error(self) -> str:
        """Why the server had to stop; empty if it had not."""
        return next((why for served in self.students.values() if (why := served.status().lost)), "")

    def start(self) -> None:
        """Begin; on the event loop."""
        self.energy.sampler.start()
        for served in self.students.values():
            served.queue.open()
        self.sessions.open()
        for worker in self.workers:
            worker.start()

    def begin_end(self) -> None:
        """Told first: watching would go on for ever."""
        self.sessions.end_watching()

    def shut(self, patience: float = 60.0) -> bool:
        """Answer all who wait, and end every thread within `patience` seconds; False if one is left that hangs. Idempotent."""
        until = time.monotonic() + patience
        for served in self.students.values():
            served.queue.close()
        ended = end_workers(self.workers, self.energy, self.pool, until)
        self.tracer.shut(max(0.0, until - time.monotonic()))
        return ended

    async def end(self) -> None:
        """Let go of what the event loop holds; after `shut`."""
        for served in self.students.values():
            await served.queue.end()
        await self.sessions.end()
        await self.places.end()
        if self.counts is not None:
            await self.counts.aclose()


def end_workers(workers: Sequence[Worker], energy: Energy, pool: CodecPool, until: float) -> bool:
    """End every thread that paints, until then by time.monotonic; False if one is left that hangs. Idempotent."""
    for worker in workers:
        worker.begin_stop()  # all before one is waited for
    ended = [worker.stop(max(0.0, until - time.monotonic())) for worker in workers]
    energy.sampler.stop()
    # its last images are on their way to who asked for them
    codec = threading.Thread(target=pool.shutdown, name="codec-end", daemon=True)
    codec.start()
    codec.join(max(0.0, until - time.monotonic()))
    return all(ended) and not codec.is_alive()


def load_keys(settings: Settings) -> Keys:
    """The keys that the settings name. Raises SettingsError."""
    try:
        return Keys(settings.api_keys, settings.keys_file)
    except KeyFileError as error:
        raise SettingsError(f"--keys-file: {error}") from error


def build_shared(settings: Settings, paints: bool = True) -> tuple[Energy, Shared]:
    """What the students of one process share, and the meters, where it paints. Raises SettingsError."""
    metrics = Metrics()
    metered = paints and settings.energy == "auto"
    energy = build_energy(metered, settings.watts if paints else 0.0, _metered_gpus(settings) if paints else ())
    metrics.registry.register(energy.collector)
    limits = Limits(settings.max_pixels, settings.max_whole_pixels)
    pool = CodecPool(CODEC_THREADS, limits, Allowance(settings.decode_share))
    return energy, Shared(pool, metrics, ledger=energy.ledger, tracer=build_tracer(settings))


def build_server(
    settings: Settings, students: Sequence[tuple[Student, MakeEngine]], on_failed: Callable[[], None] = lambda: None
) -> Server:
    """Wire the parts of a front end and its workers in one process. Nothing runs yet: `start` begins. Raises SettingsError.

    `on_failed` is called, by any thread, when a worker has failed for good.
    """
    energy, shared = build_shared(settings)
    pairs = [_at_work(student, make_engine, settings, shared, on_failed) for student, make_engine in students]
    return _put_together(settings, [front for front, _ in pairs], [worker for _, worker in pairs], energy, shared)


def build_front(settings: Settings, students: Sequence[Student], on_failed: Callable[[], None] = lambda: None) -> Server:
    """Wire the parts of a front end whose workers are other processes, at the queue that the settings name.

    Nothing runs yet: `start` begins. `on_failed` is called when the queue will never do. Raises SettingsError.
    """
    energy, shared = build_shared(settings, paints=False)
    fronts = [_asking(student, settings, shared, on_failed) for student in students]
    return _put_together(settings, fronts, [], energy, shared, session_store(settings))


def _put_together(
    settings: Settings,
    fronts: Sequence[Served],
    workers: Sequence[Worker],
    energy: Energy,
    shared: Shared,
    store: SessionStore | None = None,
) -> Server:
    keys = load_keys(settings)
    counts = shared_counts(settings)
    rates, places = Rates(settings.rate, keys, counts), Places(counts)
    return Server(
        settings=settings,
        keys=keys,
        rates=rates,
        places=places,
        counts=counts,
        students={front.student.name: front for front in fronts},
        workers=workers,
        metrics=shared.metrics,
        energy=energy,
        tracer=shared.tracer,
        pool=shared.pool,
        sessions=Sessions(
            settings, shared.metrics, energy.ledger, store=store, own=lambda owner: keys.allowance(owner).sessions
        ),
        stills=Stills(settings, shared.metrics, keys, rates, places),
        files=Files(settings.file_seconds, settings.file_bytes),
        started=time.time(),
        aliases=settings.aliases(),
    )


def _capacity(student: Student, settings: Settings) -> int:
    """Jobs that a front end may have in flight."""
    return settings.max_waiting + (student.longest_job + 1) * settings.max_sessions


def _asking(student: Student, settings: Settings, shared: Shared, on_failed: Callable[[], None]) -> Served:
    """A student's front, with a queue between it and workers elsewhere."""
    metrics = shared.metrics.of(student.name)

    def unpainted(job: Job, result: Result) -> None:
        metrics.result(job.api, result, 0.0)

    queue = front_queue(settings, student, _capacity(student, settings), unpainted, on_failed)
    metrics.up(lambda: queue.fleet().ready)
    metrics.jobs(queue.waiting, queue.in_flight)
    metrics.queue_up(lambda: queue.reachable)
    metrics.queue(lambda: queue.around)
    return serve_student(student, queue, queue.fleet, settings, shared)


def _at_work(
    student: Student, make_engine: MakeEngine, settings: Settings, shared: Shared, on_failed: Callable[[], None]
) -> tuple[Served, Worker]:
    """A student's front and its worker, with a queue in memory between them."""
    metrics = shared.metrics.of(student.name)

    def unpainted(job: Job, result: Result) -> None:
        metrics.result(job.api, result, 0.0)

    def published(status: Status) -> None:
        if status.state is State.FAILED:
            queue.close()  # this was its only worker
            on_failed()

    queue = MemoryQueue(_capacity(student, settings), unpainted)
    worker = Worker(student, make_engine, queue, settings, shared, opener_of(student, settings))
    worker.board.subscribe(published)
    metrics.up(lambda: worker.board.read().ready)
    metrics.jobs(lambda: queue.waiting() + worker.waiting(), queue.in_flight)
    return serve_student(student, queue, worker.board.read, settings, shared), worker


def _metered_gpus(settings: Settings) -> tuple[str, ...] | None:
    """GPUs to meter: those named; else the one that paints, where one does; None is all that the driver shows."""
    gpu = settings.gpu()
    if settings.energy_device or settings.energy == "off" or gpu is None:
        return settings.energy_device
    bus_id = pci_bus_id(gpu)
    return None if bus_id is None else (bus_id,)


def build_tracer(settings: Settings) -> Tracer:
    """What the settings ask for. Raises SettingsError where the extra is not installed."""
    if settings.traces is None:
        return NO_TRACER
    try:
        from .otel import otlp_tracer
    except ImportError as error:
        raise SettingsError(f"--traces needs its extra: pip install 'allaprima[otel]' ({error})") from error
    return otlp_tracer(settings.traces, settings.trace_share)
