"""Metrics: the names that dashboards use, labels of bounded size, and rates over a window."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from server import __version__
from server.instruments import STAGE_SECONDS, TICK_SECONDS
from server.metrics import Metrics
from server.types import APIS, Ending, Outcome, Refusal, Result, Timings


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class _Both:
    """A server's metrics and those of its only student."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.server = Metrics(clock)
        self.student = self.server.of("embedded")
        self.registry, self.exposition, self.sessions = self.server.registry, self.server.exposition, self.server.sessions
        self.result, self.tick, self.engine, self.fps = (
            self.student.result, self.student.tick, self.student.engine, self.student.fps,
        )  # fmt: skip


def _value(metrics: _Both, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def test_every_counter_is_there_from_the_start() -> None:
    """A counter that has not counted yet reads 0: a dashboard need not guess."""
    metrics = _Both()
    for outcome in Outcome:
        assert _value(metrics, "allaprima_frames_total", student="embedded", outcome=outcome) == 0
    for api in APIS:
        assert _value(metrics, "allaprima_images_total", student="embedded", api=api) == 0
    for reason in Refusal:
        assert _value(metrics, "allaprima_refusals_total", reason=reason) == 0
    for how in Ending:
        assert _value(metrics, "allaprima_sessions_ended_total", reason=how) == 0
    assert _value(metrics, "allaprima_tick_failures_total", student="embedded") == 0


def test_no_series_comes_later() -> None:
    """Whatever happens, the series are those that were there at the start: none is a session's or a client's."""
    metrics = _Both()
    metrics.engine("fake", "none", "fp32", (1, 2))

    def series() -> set[str]:
        text, _ = metrics.exposition()
        return {line.rsplit(" ", 1)[0] for line in text.decode().splitlines() if not line.startswith("#")}

    before = series()
    for outcome in Outcome:
        for api in APIS:
            metrics.result(api, Result(1, outcome, b"x", 2, Timings(0.1, 0.2, 0.3, 0.4)), total=1.5)
    for reason in Refusal:
        metrics.student.refused(reason)
    for how in Ending:
        metrics.server.session_ended(how)
    metrics.tick(0.1, 3)
    metrics.student.tick_failed()
    assert series() == before


def test_an_image() -> None:
    """An image counts as a frame, as an image of its API, and in each stage's times of its student and API."""
    metrics = _Both()
    metrics.result("stream", Result(1, Outcome.IMAGE, b"x", 2, Timings(0.1, 0.2, 0.3, 0.4)), total=1.5)
    assert _value(metrics, "allaprima_frames_total", student="embedded", outcome="image") == 1
    assert _value(metrics, "allaprima_images_total", student="embedded", api="stream") == 1
    expected = {"wait": 0.1, "decode": 0.2, "engine": 0.3, "encode": 0.4, "total": 1.5}
    for api in APIS:
        here = {"student": "embedded", "api": api}
        sums = {stage: _value(metrics, "allaprima_stage_seconds_sum", **here, stage=stage) for stage in expected}
        assert sums == (expected if api == "stream" else dict.fromkeys(expected, 0))


@pytest.mark.parametrize("outcome", [o for o in Outcome if o is not Outcome.IMAGE])
def test_no_image(outcome: Outcome) -> None:
    """What became no image counts under its outcome only."""
    metrics = _Both()
    metrics.result("stream", Result(1, outcome), total=1.0)
    assert _value(metrics, "allaprima_frames_total", student="embedded", outcome=outcome) == 1
    assert _value(metrics, "allaprima_images_total", student="embedded", api="stream") == 0
    assert _value(metrics, "allaprima_stage_seconds_count", student="embedded", api="stream", stage="total") == 0
    assert metrics.fps() == 0


def test_ticks() -> None:
    """A tick counts its seconds and its rows."""
    metrics = _Both()
    metrics.tick(0.05, 3)
    metrics.tick(0.05, 4)
    assert _value(metrics, "allaprima_tick_rows_sum", student="embedded") == 7
    assert _value(metrics, "allaprima_tick_seconds_count", student="embedded") == 2
    assert _value(metrics, "allaprima_tick_rows_bucket", student="embedded", le="3.0") == 1


def test_fps() -> None:
    """Images a second are those of the last 5 s, and fall to 0 when none come."""
    clock = Clock()
    metrics = _Both(clock)
    for _ in range(100):
        metrics.result("stream", Result(1, Outcome.IMAGE), 0.1)
        clock.now += 0.1
    assert metrics.fps() == pytest.approx(10, abs=1)
    clock.now += 2.5
    assert metrics.fps() == pytest.approx(5, abs=1)
    clock.now += 3
    assert metrics.fps() == 0


def test_fps_keeps_little() -> None:
    """However many images come, the window's memory is bounded by its seconds."""
    clock = Clock()
    metrics = _Both(clock)
    for _ in range(20_000):
        metrics.server.fps.count("embedded")
        clock.now += 0.01
    assert len(metrics.server.fps._buckets["embedded"]) < 30


@pytest.mark.parametrize("instrument", [STAGE_SECONDS, TICK_SECONDS], ids=lambda one: one.name)
def test_buckets(instrument: Any) -> None:
    """From 5 ms to 10 s no bucket is wider than its lower bound, and what dashboards ask for by name is there."""
    bounds = instrument.buckets
    assert bounds[0] <= 0.005
    assert bounds[-1] >= 10
    assert all(upper <= 2 * lower for lower, upper in pairwise(bounds))
    assert {0.1, 0.25, 0.5, 1.0, 2.0} <= set(bounds)


def test_a_ready_worker() -> None:
    """A worker is up when it says so at the moment somebody looks."""
    metrics, state = _Both(), ["starting"]
    metrics.student.up(lambda: state[0] == "ready")
    assert _value(metrics, "allaprima_worker_up", student="embedded") == 0
    state[0] = "ready"
    assert _value(metrics, "allaprima_worker_up", student="embedded") == 1


def test_what_runs() -> None:
    """The version is a label, and the process is described."""
    metrics = _Both()
    assert _value(metrics, "allaprima_build_info", version=__version__) == 1
    assert (_value(metrics, "process_resident_memory_bytes") or 0) > 1e6
    assert (_value(metrics, "process_open_fds") or 0) > 2


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("", "text/plain; version=0.0.4"),
        ("*/*", "text/plain; version=0.0.4"),
        ("text/plain;version=nonsense", "text/plain; version=0.0.4"),
        ("application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1", "application/openmetrics-text"),
        ("application/openmetrics-text;version=nonsense", "application/openmetrics-text; version=1.0.0"),
    ],
)
def test_formats(accept: str, kind: str) -> None:
    """Who asks for OpenMetrics gets it, everybody else the text format, and nobody an error."""
    body, content_type = _Both().exposition(accept)
    assert content_type.startswith(kind)
    assert body.endswith(b"# EOF\n") == kind.startswith("application")


def test_openmetrics_is_well_formed() -> None:
    """The client library's own parser of OpenMetrics, which is strict, takes it; there are no series of creation times."""
    metrics = _Both()
    metrics.engine("fake", "none", "fp32", (1, 2))
    metrics.result("openai", Result(1, Outcome.IMAGE), 0.1)
    text = metrics.exposition("application/openmetrics-text")[0].decode()
    families = {family.name: family.type for family in text_string_to_metric_families(text)}
    assert families["allaprima_frames"] == "counter"
    assert families["allaprima_stage_seconds"] == "histogram"
    assert families["allaprima_engine"] == families["allaprima_build"] == "info"
    assert "_created" not in text


@pytest.mark.parametrize("variable", ["PROMETHEUS_MULTIPROC_DIR", "prometheus_multiproc_dir"])
def test_the_multi_process_mode_of_others(variable: str, tmp_path: Path) -> None:
    """A folder for many processes' values that is set, and not even there, is left alone: values stay in memory."""
    program = (
        "from server.metrics import Metrics; m = Metrics(); s = m.of('x'); s.tick(0.1, 2); print(m.exposition()[0].decode())"
    )
    environment = {**os.environ, variable: str(tmp_path / "nowhere"), "PYTHONWARNINGS": "error"}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert 'allaprima_tick_rows_sum{student="x"} 2.0' in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_the_names_in_the_exposition() -> None:
    """Every instrument of the design that needs no meter is exposed under its name."""
    metrics = _Both()
    metrics.result("openai", Result(1, Outcome.IMAGE), 0.1)
    metrics.tick(0.1, 1)
    metrics.engine("fake", "none", "fp32", (1, 2))
    metrics.sessions.set(3)
    metrics.student.jobs(lambda: 1, lambda: 2)
    text = metrics.exposition()[0].decode()
    names = set(re.findall(r"^(allaprima_\w+?)(?:_bucket|_sum|_count|_created)?[ {]", text, re.MULTILINE))
    assert names >= {
        "allaprima_frames_total", "allaprima_images_total", "allaprima_fps", "allaprima_stage_seconds",
        "allaprima_tick_seconds",
        "allaprima_tick_rows", "allaprima_sessions", "allaprima_jobs_waiting", "allaprima_jobs_in_flight",
        "allaprima_engine_info",
    }  # fmt: skip
    assert (
        'allaprima_engine_info{backend="fake",batch_sizes="1,2",device="none",precision="fp32",student="embedded"} 1.0' in text
    )
    assert "allaprima_sessions 3.0" in text
    assert 'allaprima_jobs_waiting{student="embedded"} 1.0' in text
    assert 'allaprima_jobs_in_flight{student="embedded"} 2.0' in text


def test_two_servers_do_not_share() -> None:
    """Two sets of metrics in one process count apart."""
    one, two = _Both(), _Both()
    one.student.outcome(Outcome.REPEAT)
    assert _value(two, "allaprima_frames_total", student="embedded", outcome="repeat") == 0


def test_students_count_apart() -> None:
    """What one student paints is not another's, and each has all its series from the start."""
    metrics = Metrics()
    one, other = metrics.of("one"), metrics.of("other")
    one.result("stream", Result(1, Outcome.IMAGE), 0.1)
    for student, count in (("one", 1), ("other", 0)):
        labels = {"student": student, "api": "stream", "stage": "total"}
        assert metrics.registry.get_sample_value("allaprima_stage_seconds_count", labels) == count
    assert metrics.registry.get_sample_value("allaprima_frames_total", {"student": "one", "outcome": "image"}) == 1
    assert metrics.registry.get_sample_value("allaprima_frames_total", {"student": "other", "outcome": "image"}) == 0
    assert one.fps() > 0
    assert other.fps() == 0
    assert metrics.registry.get_sample_value("allaprima_fps", {"student": "other"}) == 0
