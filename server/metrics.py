"""Every instrument and bucket, declared once. Base units; labels of bounded size, never a session id."""

import time
from collections import deque
from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from .types import Outcome, Result

_STAGE_BUCKETS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1.0, 2.0, 5.0)
_TICK_BUCKETS = (0.002, 0.005, 0.01, 0.015, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1.0, 2.0)
_ROW_BUCKETS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)


class _Fps(Collector):
    """Images per second over the last few seconds, by student, computed when asked."""

    WINDOW = 5.0

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._buckets: dict[str, deque[tuple[float, int]]] = {}

    def add(self, student: str) -> None:
        self._buckets.setdefault(student, deque())

    def count(self, student: str) -> None:
        second = self._clock() // 0.25 * 0.25
        buckets = self._buckets[student]
        if buckets and buckets[-1][0] == second:
            buckets[-1] = (second, buckets[-1][1] + 1)
        else:
            buckets.append((second, 1))
            self._forget(buckets)

    def _forget(self, buckets: deque[tuple[float, int]]) -> None:
        while buckets and buckets[0][0] <= self._clock() - self.WINDOW:
            buckets.popleft()

    def value(self, student: str) -> float:
        buckets = self._buckets[student]
        self._forget(buckets)
        return sum(count for _, count in list(buckets)) / self.WINDOW

    def collect(self) -> Iterable[Metric]:
        gauge = GaugeMetricFamily("allaprima_fps", "Images out per second over the last 5 s", labels=["student"])
        for student in self._buckets:
            gauge.add_metric([student], self.value(student))
        yield gauge


class Metrics:
    """One server's instruments, in a registry of their own."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.registry = own = CollectorRegistry()
        self.frames = Counter(
            "allaprima_frames", "Frames and stills, by what became of them", ["student", "outcome"], registry=own
        )
        self.images = Counter("allaprima_images", "Images made, by API", ["student", "api"], registry=own)
        self.stages = Histogram(
            "allaprima_stage_seconds", "Time in each stage", ["stage"], buckets=_STAGE_BUCKETS, registry=own
        )
        self.tick_seconds = Histogram("allaprima_tick_seconds", "A tick", ["student"], buckets=_TICK_BUCKETS, registry=own)
        self.tick_rows = Histogram("allaprima_tick_rows", "Rows in a tick", ["student"], buckets=_ROW_BUCKETS, registry=own)
        self.sessions = Gauge("allaprima_sessions", "Live sessions connected", registry=own)
        self.jobs_waiting = Gauge("allaprima_jobs_waiting", "Jobs admitted and not yet in a tick", registry=own)
        self.jobs_in_flight = Gauge("allaprima_jobs_in_flight", "Jobs admitted and not yet answered", registry=own)
        self.engine = Gauge(
            "allaprima_engine_info", "What paints", ["student", "backend", "device", "precision", "batch_sizes"], registry=own
        )
        self.fps = _Fps(clock)
        self.registry.register(self.fps)

    def of(self, student: str) -> "StudentMetrics":
        """The instruments of one student; from now on its series are there, at zero."""
        return StudentMetrics(self, student)

    def exposition(self) -> bytes:
        """The Prometheus text format."""
        return generate_latest(self.registry)


class StudentMetrics:
    """The instruments of one student. Any thread."""

    def __init__(self, all_metrics: Metrics, student: str) -> None:
        self._all, self._student = all_metrics, student
        all_metrics.fps.add(student)
        self._outcomes = {outcome: all_metrics.frames.labels(student, outcome) for outcome in Outcome}
        self._stages = {stage: all_metrics.stages.labels(stage) for stage in ("wait", "decode", "engine", "encode", "total")}
        self._tick_seconds = all_metrics.tick_seconds.labels(student)
        self._tick_rows = all_metrics.tick_rows.labels(student)

    def outcome(self, outcome: Outcome) -> None:
        self._outcomes[outcome].inc()

    def result(self, api: str, result: Result, total: float) -> None:
        """Count a job's result; `total` is seconds from admission to answer."""
        self.outcome(result.outcome)
        if result.outcome is not Outcome.IMAGE:
            return
        self._all.images.labels(self._student, api).inc()
        self._all.fps.count(self._student)
        timings = result.timings
        for stage in ("wait", "decode", "engine", "encode"):
            self._stages[stage].observe(getattr(timings, stage))
        self._stages["total"].observe(total)

    def tick(self, seconds: float, rows: int) -> None:
        self._tick_seconds.observe(seconds)
        self._tick_rows.observe(rows)

    def engine(self, backend: str, device: str, precision: str, batch_sizes: tuple[int, ...]) -> None:
        self._all.engine.labels(self._student, backend, device, precision, ",".join(map(str, batch_sizes))).set(1)

    def fps(self) -> float:
        return self._all.fps.value(self._student)
