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
    """Images per second over the last few seconds, computed when asked."""

    WINDOW = 5.0

    def __init__(self, student: str, clock: Callable[[], float]) -> None:
        self._student, self._clock = student, clock
        self._buckets: deque[tuple[float, int]] = deque()

    def count(self) -> None:
        second = self._clock() // 0.25 * 0.25
        if self._buckets and self._buckets[-1][0] == second:
            self._buckets[-1] = (second, self._buckets[-1][1] + 1)
        else:
            self._buckets.append((second, 1))
            self._forget()

    def _forget(self) -> None:
        while self._buckets and self._buckets[0][0] <= self._clock() - self.WINDOW:
            self._buckets.popleft()

    def value(self) -> float:
        self._forget()
        return sum(count for _, count in self._buckets) / self.WINDOW

    def collect(self) -> Iterable[Metric]:
        gauge = GaugeMetricFamily("allaprima_fps", "Images out per second over the last 5 s", labels=["student"])
        gauge.add_metric([self._student], self.value())
        yield gauge


class Metrics:
    """One server's instruments, in a registry of their own."""

    def __init__(self, student: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.student = student
        self.registry = CollectorRegistry()
        own = self.registry
        self._frames = Counter(
            "allaprima_frames", "Frames and stills, by what became of them", ["student", "outcome"], registry=own
        )
        self._images = Counter("allaprima_images", "Images made, by API", ["student", "api"], registry=own)
        self._stages = Histogram(
            "allaprima_stage_seconds", "Time in each stage", ["stage"], buckets=_STAGE_BUCKETS, registry=own
        )
        self._tick_seconds = Histogram("allaprima_tick_seconds", "A tick", ["student"], buckets=_TICK_BUCKETS, registry=own)
        self._tick_rows = Histogram("allaprima_tick_rows", "Rows in a tick", ["student"], buckets=_ROW_BUCKETS, registry=own)
        self.sessions = Gauge("allaprima_sessions", "Live sessions connected", registry=own)
        self.jobs_waiting = Gauge("allaprima_jobs_waiting", "Jobs admitted and not yet in a tick", registry=own)
        self.jobs_in_flight = Gauge("allaprima_jobs_in_flight", "Jobs admitted and not yet answered", registry=own)
        self._engine = Gauge(
            "allaprima_engine_info", "What paints", ["student", "backend", "device", "precision", "batch_sizes"], registry=own
        )
        self._fps = _Fps(student, clock)
        self.registry.register(self._fps)
        for outcome in Outcome:
            self._frames.labels(student, outcome)

    def outcome(self, outcome: Outcome) -> None:
        self._frames.labels(self.student, outcome).inc()

    def result(self, api: str, result: Result, total: float) -> None:
        """Count a job's result; `total` is seconds from admission to answer."""
        self.outcome(result.outcome)
        if result.outcome is not Outcome.IMAGE:
            return
        self._images.labels(self.student, api).inc()
        self._fps.count()
        timings = result.timings
        for stage in ("wait", "decode", "engine", "encode"):
            self._stages.labels(stage).observe(getattr(timings, stage))
        self._stages.labels("total").observe(total)

    def tick(self, seconds: float, rows: int) -> None:
        self._tick_seconds.labels(self.student).observe(seconds)
        self._tick_rows.labels(self.student).observe(rows)

    def engine(self, backend: str, device: str, precision: str, batch_sizes: tuple[int, ...]) -> None:
        sizes = ",".join(map(str, batch_sizes))
        self._engine.labels(self.student, backend, device, precision, sizes).set(1)

    def fps(self) -> float:
        return self._fps.value()

    def exposition(self) -> bytes:
        """The Prometheus text format."""
        return generate_latest(self.registry)
