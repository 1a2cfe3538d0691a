"""The instruments of one server, made of their declarations. Labels of bounded size, never a session id."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Protocol

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector, generate_latest, values
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector

from . import __version__, instruments
from .instruments import Instrument
from .types import APIS, Ending, JobKind, Outcome, Refusal, Result

# A server is one process: its values stay in memory, whatever PROMETHEUS_MULTIPROC_DIR says to others. Files would be wrong
# here: a container's first process always has the same number, and would go on counting where the last one died.
values.ValueClass = values.MutexValue
# the time at which each counter began is a series beside each counter, and tells no more than process_start_time_seconds
prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]

OPENMETRICS = "application/openmetrics-text"
_STAGES = ("wait", "decode", "engine", "upscale", "encode")


def _counter(of: Instrument, registry: CollectorRegistry) -> Counter:
    return Counter(of.family, of.help, tuple(of.labels), registry=registry)


def _gauge(of: Instrument, registry: CollectorRegistry) -> Gauge:
    return Gauge(of.family, of.help, tuple(of.labels), registry=registry)


def _histogram(of: Instrument, registry: CollectorRegistry) -> Histogram:
    return Histogram(of.family, of.help, tuple(of.labels), buckets=of.buckets, registry=registry)


class _Fps(Collector):
    """Images per second over the last few seconds, by student, computed when asked. Any thread."""

    WINDOW = 5.0

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: dict[str, deque[tuple[float, int]]] = {}

    def add(self, student: str) -> None:
        self._buckets.setdefault(student, deque())

    def count(self, student: str) -> None:
        now = self._clock()
        second = now // 0.25 * 0.25
        buckets = self._buckets[student]
        with self._lock:
            if buckets and buckets[-1][0] == second:
                buckets[-1] = (second, buckets[-1][1] + 1)
            else:
                buckets.append((second, 1))
                self._forget(buckets, now)

    def _forget(self, buckets: deque[tuple[float, int]], now: float) -> None:
        while buckets and buckets[0][0] <= now - self.WINDOW:
            buckets.popleft()

    def value(self, student: str) -> float:
        with self._lock:
            buckets = self._buckets[student]
            self._forget(buckets, self._clock())
            return sum(count for _, count in buckets) / self.WINDOW

    def collect(self) -> Iterable[Metric]:
        of = instruments.FPS
        gauge = GaugeMetricFamily(of.family, of.help, labels=list(of.labels))
        for student in list(self._buckets):
            gauge.add_metric([student], self.value(student))
        yield gauge


class Metrics:
    """One server's instruments, in a registry of their own."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.registry = own = CollectorRegistry()
        self.frames = _counter(instruments.FRAMES, own)
        self.images = _counter(instruments.IMAGES, own)
        self.stages = _histogram(instruments.STAGE_SECONDS, own)
        self.tick_seconds = _histogram(instruments.TICK_SECONDS, own)
        self.tick_rows = _histogram(instruments.TICK_ROWS, own)
        self.tick_failures = _counter(instruments.TICK_FAILURES, own)
        self.sessions = _gauge(instruments.SESSIONS, own)
        self.sessions_limit = _gauge(instruments.SESSIONS_LIMIT, own)
        self.watchers = _gauge(instruments.WATCHERS, own)
        self.stills = _gauge(instruments.STILLS, own)
        self.stills_limit = _gauge(instruments.STILLS_LIMIT, own)
        self.jobs_waiting = _gauge(instruments.JOBS_WAITING, own)
        self.jobs_in_flight = _gauge(instruments.JOBS_IN_FLIGHT, own)
        self.worker_up = _gauge(instruments.WORKER_UP, own)
        self.queue_up = _gauge(instruments.QUEUE_UP, own)
        self.queue_lag = _gauge(instruments.QUEUE_LAG, own)
        self.queue_workers = _gauge(instruments.QUEUE_WORKERS, own)
        self.queue_answer = _gauge(instruments.QUEUE_ANSWER, own)
        self.queue_memory = _gauge(instruments.QUEUE_MEMORY, own)
        self.queue_memory_limit = _gauge(instruments.QUEUE_MEMORY_LIMIT, own)
        self.loop_tasks = _gauge(instruments.LOOP_TASKS, own)
        self.engine = Info(instruments.ENGINE.family, instruments.ENGINE.help, ["student"], registry=own)
        self.fps = _Fps(clock)
        own.register(self.fps)
        refusals, ended = _counter(instruments.REFUSALS, own), _counter(instruments.SESSIONS_ENDED, own)
        # a counter that has not counted yet reads 0: who looks need not guess
        self._refusals = {reason: refusals.labels(reason) for reason in Refusal}
        self._ended = {reason: ended.labels(reason) for reason in Ending}
        Info(instruments.BUILD.family, instruments.BUILD.help, registry=own).info({"version": __version__})
        ProcessCollector(registry=own)

    def of(self, student: str) -> "StudentMetrics":
        """The instruments of one student; from now on its series are there, at zero."""
        return StudentMetrics(self, student)

    def refused(self, reason: Refusal) -> None:
        self._refusals[reason].inc()

    def session_ended(self, how: Ending) -> None:
        self._ended[how].inc()

    def exposition(self, accept: str = "") -> tuple[bytes, str]:
        """All series and their content type: OpenMetrics if the Accept header asks for it, else Prometheus's text format."""
        if OPENMETRICS in accept:
            body: bytes = openmetrics.generate_latest(self.registry)  # type: ignore[no-untyped-call]
            return body, openmetrics.CONTENT_TYPE_LATEST
        return generate_latest(self.registry), CONTENT_TYPE_PLAIN_0_0_4


class QueueHealth(Protocol):
    """How a queue between processes is, as a front end last saw it. Seconds and bytes."""

    @property
    def lags(self) -> Mapping[JobKind, float]: ...

    @property
    def workers(self) -> int: ...

    @property
    def answer_seconds(self) -> float: ...

    @property
    def memory(self) -> int: ...

    @property
    def memory_limit(self) -> int: ...


class StudentMetrics:
    """The instruments of one student. Any thread."""

    def __init__(self, all_metrics: Metrics, student: str) -> None:
        self._all, self._student = all_metrics, student
        all_metrics.fps.add(student)
        self._outcomes = {outcome: all_metrics.frames.labels(student, outcome) for outcome in Outcome}
        self._images = {api: all_metrics.images.labels(student, api) for api in APIS}
        self._stages = {
            (api, stage): all_metrics.stages.labels(student, api, stage) for api in APIS for stage in (*_STAGES, "total")
        }
        self._tick_seconds = all_metrics.tick_seconds.labels(student)
        self._tick_rows = all_metrics.tick_rows.labels(student)
        self._tick_failures = all_metrics.tick_failures.labels(student)

    def outcome(self, outcome: Outcome) -> None:
        self._outcomes[outcome].inc()

    def refused(self, reason: Refusal) -> None:
        self._all.refused(reason)

    def result(self, api: str, result: Result, total: float) -> None:
        """Count a job's result; `total` is seconds from admission to answer."""
        self.outcome(result.outcome)
        if result.outcome is not Outcome.IMAGE:
            return
        self._images[api].inc()
        self._all.fps.count(self._student)
        timings = result.timings
        for stage in _STAGES:
            if stage != "upscale" or timings.upscale:  # of images that were in it: few are
                self._stages[api, stage].observe(getattr(timings, stage))
        self._stages[api, "total"].observe(total)

    def tick(self, seconds: float, rows: int) -> None:
        self._tick_seconds.observe(seconds)
        self._tick_rows.observe(rows)

    def tick_failed(self) -> None:
        self._tick_failures.inc()

    def engine(self, backend: str, device: str, precision: str, batch_sizes: tuple[int, ...]) -> None:
        sizes = ",".join(map(str, batch_sizes))
        says = {"backend": backend, "device": device, "precision": precision, "batch_sizes": sizes}
        self._all.engine.labels(self._student).info(says)

    def up(self, ready: Callable[[], bool]) -> None:
        """Ask this, whenever somebody looks, if the engine is ready."""
        self._all.worker_up.labels(self._student).set_function(lambda: float(ready()))

    def jobs(self, waiting: Callable[[], int], in_flight: Callable[[], int]) -> None:
        """Ask these, whenever somebody looks, how many jobs wait for a tick and how many for their answer."""
        self._all.jobs_waiting.labels(self._student).set_function(waiting)
        self._all.jobs_in_flight.labels(self._student).set_function(in_flight)

    def queue_up(self, usable: Callable[[], bool]) -> None:
        """Ask this, whenever somebody looks, if a queue between processes can be used."""
        self._all.queue_up.labels(self._student).set_function(lambda: float(usable()))

    def queue(self, health: Callable[[], "QueueHealth"]) -> None:
        """Ask this, whenever somebody looks, how a queue between processes is."""
        every, student = self._all, self._student
        for kind in JobKind:
            every.queue_lag.labels(student, kind).set_function(partial(lambda kind: health().lags[kind], kind))
        every.queue_workers.labels(student).set_function(lambda: health().workers)
        every.queue_answer.labels(student).set_function(lambda: health().answer_seconds)
        every.queue_memory.labels(student).set_function(lambda: health().memory)
        every.queue_memory_limit.labels(student).set_function(lambda: health().memory_limit)

    def fps(self) -> float:
        return self._all.fps.value(self._student)
