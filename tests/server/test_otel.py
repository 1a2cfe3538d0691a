"""Spans, by OpenTelemetry's exporter into memory: what there is of a session, a job and a tick, and how they hang together."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("opentelemetry.sdk", reason="the extra otel is not installed")

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from engines.fake_engine import FakeEngine
from engines.student import Student
from server.codec_pool import CodecPool
from server.metrics import Metrics
from server.otel import OtelTracer, otlp_tracer
from server.queue import FrontQueue, MemoryQueue, QueueFull
from server.session import next_job_id
from server.settings import load_settings
from server.shared import Shared
from server.types import Job, JobKind, Outcome
from server.worker import Worker

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
OTHER = "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-03"
UNSAMPLED = PARENT[:-2] + "00"


class Traced:
    """A tracer, and the spans that have ended."""

    def __init__(self, share: float = 1.0) -> None:
        self._exporter = InMemorySpanExporter()
        self.tracer = OtelTracer(SimpleSpanProcessor(self._exporter), share)

    def spans(self, name: str) -> list[ReadableSpan]:
        return [span for span in self._exporter.get_finished_spans() if span.name == name]

    def one(self, name: str) -> Any:
        [span] = self.spans(name)
        return span


@pytest.fixture
async def traced() -> AsyncIterator[Traced]:
    """Everything is traced."""
    traced = Traced()
    yield traced
    traced.tracer.shut()


def _job(**more: Any) -> Job:
    now = time.monotonic()
    return replace(Job(next_job_id(), "me", "openai", (("a boat", 1.0),), 0, now, now + 20, request="req-1"), **more)


@pytest.fixture
async def front(traced: Traced, student: Student) -> AsyncIterator[FrontQueue]:
    """A traced queue with a worker behind it."""
    queue, pool = MemoryQueue(10), CodecPool(2)
    shared = Shared(pool, Metrics(), tracer=traced.tracer)
    worker = Worker(student, lambda say: FakeEngine(student), queue, load_settings({"engine": "fake"}), shared)
    worker.start()
    yield traced.tracer.jobs(queue, "embedded")
    queue.close()
    await asyncio.to_thread(worker.stop)
    pool.shutdown()


async def test_a_still(traced: Traced, front: FrontQueue) -> None:
    """A still's job is a child of its request's span, and its tick a child of the job; both say what is known."""
    result = await front.submit(_job(trace=PARENT))
    job, tick = traced.one("job"), traced.one("tick")
    assert f"{job.context.trace_id:032x}" in PARENT
    assert f"{job.parent.span_id:016x}" in PARENT
    assert tick.parent.span_id == job.context.span_id
    assert job.attributes["allaprima.outcome"] == "image"
    assert job.attributes["allaprima.request"] == "req-1"
    assert job.attributes["allaprima.student"] == tick.attributes["allaprima.student"] == "embedded"
    assert job.attributes["allaprima.seconds.engine"] == result.timings.engine
    assert tick.attributes["allaprima.rows"] == 1
    assert job.start_time <= tick.start_time <= tick.end_time <= job.end_time


async def test_a_frame(traced: Traced, front: FrontQueue) -> None:
    """A frame's job is a trace of its own, linked with its session's."""
    with traced.tracer.session() as session:
        session.say(session="x", outcomes={"image": 1}, meter=None)
        await front.submit(_job(api="stream", trace=session.trace))
    job, ended = traced.one("job"), traced.one("session")
    assert job.parent is None
    assert [link.context.span_id for link in job.links] == [ended.context.span_id]
    assert job.context.trace_id != ended.context.trace_id
    assert dict(ended.attributes) == {"allaprima.session": "x", "allaprima.outcomes.image": 1}


async def test_jobs_that_share_a_tick(traced: Traced) -> None:
    """A tick is a child of the first of its jobs that is traced and linked with the others; each once."""
    jobs = [_job(trace=trace) for trace in (UNSAMPLED, PARENT, "", OTHER, PARENT)]
    with traced.tracer.tick("embedded", jobs):
        pass
    tick = traced.one("tick")
    assert f"{tick.parent.span_id:016x}" == "b7ad6b7169203331"
    assert [f"{link.context.span_id:016x}" for link in tick.links] == ["00f067aa0ba902b7"]
    assert tick.attributes["allaprima.rows"] == 5


async def test_nothing_of_what_is_not_traced(traced: Traced) -> None:
    """A tick none of whose jobs is traced is not either."""
    with traced.tracer.tick("embedded", [_job(trace=UNSAMPLED), _job()]):
        pass
    assert traced.spans("tick") == []


async def test_a_share() -> None:
    """With a share of 0 nothing is recorded: no session, no job, and no tick of what is not recorded."""
    none = Traced(share=0.0)
    with none.tracer.session() as session:
        plain = MemoryQueue(1)
        queue = none.tracer.jobs(plain, "embedded")
        waiting = asyncio.ensure_future(queue.submit(_job(api="stream", trace=session.trace)))
        await asyncio.sleep(0)
        with none.tracer.tick("embedded", plain.take(JobKind.LIVE, 1, 0.0)):
            pass
        waiting.cancel()
        await asyncio.wait([waiting])
    assert not none.spans("session") + none.spans("job") + none.spans("tick")


async def test_a_job_that_fails(traced: Traced, front: FrontQueue) -> None:
    """A failure is a status with the reason."""
    result = await front.submit(_job(prompt=(("fake:error", 1.0),)))
    job = traced.one("job")
    assert result.outcome is Outcome.FAILED
    assert job.status.status_code is StatusCode.ERROR
    assert job.status.description == result.message
    assert job.attributes["allaprima.code"] == "engine_error"


async def test_a_job_that_is_withdrawn(traced: Traced) -> None:
    """A job whose client goes away ends its span."""
    queue = traced.tracer.jobs(MemoryQueue(1), "embedded")
    waiting = asyncio.ensure_future(queue.submit(_job()))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    assert traced.one("job").attributes["allaprima.outcome"] == "withdrawn"


async def test_a_job_without_room(traced: Traced) -> None:
    """A job that the queue refuses is refused as without a tracer, and its span says why."""
    queue = traced.tracer.jobs(MemoryQueue(0), "embedded")
    with pytest.raises(QueueFull):
        await queue.submit(_job())
    assert traced.one("job").status.description == "too many images are waiting"


async def test_the_rest_of_the_queue(traced: Traced) -> None:
    """All but submitting goes straight through."""
    plain = MemoryQueue(1)
    queue = traced.tracer.jobs(plain, "embedded")
    waiting = asyncio.ensure_future(queue.submit(_job()))
    await asyncio.sleep(0)
    assert (queue.waiting(), queue.in_flight()) == (1, 1)
    [job] = plain.take(JobKind.STILL, 1, 0.0)
    assert queue.has_room("me", 2)
    assert job.trace != ""
    queue.close()
    waiting.cancel()
    await asyncio.wait([waiting])


def test_a_collector_that_is_not_there(caplog: pytest.LogCaptureFixture) -> None:
    """Where nobody takes the spans, the end is not held up for long, and it may come twice."""
    tracer = otlp_tracer("http://127.0.0.1:9", 1.0)
    with tracer.session():
        pass
    began = time.perf_counter()
    tracer.shut()
    tracer.shut()
    assert time.perf_counter() - began < 25


def test_an_end_without_patience() -> None:
    """Who ends in a hurry waits for no collector at all."""
    ended, going = threading.Event(), threading.Event()
    tracer = otlp_tracer("http://127.0.0.1:9", 1.0)

    def shutdown() -> None:
        going.wait()
        ended.set()

    tracer._provider.shutdown = shutdown  # type: ignore[attr-defined]
    tracer.shut(0.0)
    assert not ended.is_set()
    going.set()
    assert ended.wait(20)


def test_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """The path of OTLP is added where it is not there."""
    asked: list[str] = []
    monkeypatch.setattr("server.otel.OTLPSpanExporter", lambda url, timeout: asked.append(url))
    monkeypatch.setattr("server.otel.BatchSpanProcessor", lambda exporter: SimpleNamespace(shutdown=lambda: None))
    for endpoint in ("http://host:4318", "http://host:4318/", "http://host:4318/v1/traces"):
        otlp_tracer(endpoint, 1.0)
    assert asked == ["http://host:4318/v1/traces"] * 3
