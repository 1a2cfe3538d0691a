"""Traces by OpenTelemetry. Import it only where the extra `otel` is installed and traces are asked for."""

import asyncio
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import Link, SpanContext, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from . import __version__
from .queue import FrontQueue
from .tracing import NOTHING, Span, Tracer
from .types import Job, Outcome, Result

_SAMPLED = 0x01
"""The flag in a `traceparent` of a span that is recorded."""
_PATIENCE = 5.0
"""Seconds for one export, and to wait at the end for the last."""
_PATH = "/v1/traces"

_propagator = TraceContextTextMapPropagator()


def otlp_tracer(endpoint: str, share: float) -> Tracer:
    """Spans of this share of sessions and jobs, sent to an OTLP endpoint over HTTP, in batches, from a thread of its own."""
    url = endpoint.rstrip("/")
    url = url if url.endswith(_PATH) else url + _PATH
    return OtelTracer(BatchSpanProcessor(OTLPSpanExporter(url, timeout=_PATIENCE)), share)


def _recorded(traceparent: str) -> bool:
    return bool(traceparent) and bool(int(traceparent[-2:], 16) & _SAMPLED)


def _context(traceparent: str) -> Context:
    return _propagator.extract({"traceparent": traceparent}, Context())


def _span_context(traceparent: str) -> SpanContext:
    return trace.get_current_span(_context(traceparent)).get_span_context()


def _links(traceparents: Sequence[str]) -> list[Link]:
    return [Link(context) for one in traceparents if (context := _span_context(one)).is_valid]


class _OtelSpan:
    """The span protocol over OpenTelemetry's."""

    def __init__(self, span: trace.Span) -> None:
        self._span = span

    @property
    def trace(self) -> str:
        carrier: dict[str, str] = {}
        _propagator.inject(carrier, trace.set_span_in_context(self._span, Context()))
        return carrier.get("traceparent", "")

    def say(self, **attributes: Any) -> None:
        for name, value in attributes.items():
            if isinstance(value, dict):
                self.say(**{f"{name}.{key}": part for key, part in value.items()})
            elif value is not None:
                self._span.set_attribute(f"allaprima.{name}", value)

    def fail(self, why: str) -> None:
        self._span.set_status(Status(StatusCode.ERROR, why))


class OtelTracer:
    """The tracer protocol over a processor of spans, which decides where they go."""

    def __init__(self, processor: SpanProcessor, share: float = 1.0) -> None:
        resource = Resource.create({"service.name": "allaprima", "service.version": __version__})
        self._provider = TracerProvider(
            sampler=ParentBased(TraceIdRatioBased(share)), resource=resource, shutdown_on_exit=False
        )
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer(__name__, __version__)
        self._shut = False

    @contextmanager
    def _span(self, name: str, parent: Context, links: Sequence[Link] = (), began: float | None = None) -> Iterator[_OtelSpan]:
        start = None if began is None else time.time_ns() - int((time.monotonic() - began) * 1e9)
        span = self._tracer.start_span(name, parent, links=links, start_time=start)
        try:
            yield _OtelSpan(span)
        finally:
            span.end()

    def session(self) -> AbstractContextManager[Span]:
        return self._span("session", Context())

    def tick(self, student: str, jobs: Sequence[Job]) -> AbstractContextManager[Span]:
        traced = list(dict.fromkeys(job.trace for job in jobs if _recorded(job.trace)))
        return self._tick(student, len(jobs), traced) if traced else NOTHING

    @contextmanager
    def _tick(self, student: str, rows: int, traced: list[str]) -> Iterator[Span]:
        with self._span("tick", _context(traced[0]), _links(traced[1:])) as span:
            span.say(student=student, rows=rows)
            yield span

    @contextmanager
    def job(self, job: Job, student: str) -> Iterator[_OtelSpan]:
        """A job from its creation on, under its request's span or linked with its session's."""
        live = job.api == "stream"
        parent, links = (Context(), _links([job.trace])) if live else (_context(job.trace), [])
        with self._span("job", parent, links, job.created) as span:
            span.say(student=student, api=job.api, request=job.request)
            yield span

    def jobs(self, queue: FrontQueue, student: str) -> FrontQueue:
        return _TracedQueue(queue, self, student)

    def shut(self, patience: float = _PATIENCE) -> None:
        if self._shut:
            return
        self._shut = True
        # of its own it may wait half a minute for a collector that does not answer
        ending = threading.Thread(target=self._provider.shutdown, name="traces", daemon=True)
        ending.start()
        ending.join(min(patience, _PATIENCE))


class _TracedQueue:
    """A queue that makes a span of each job submitted; all else goes straight through."""

    def __init__(self, queue: FrontQueue, tracer: OtelTracer, student: str) -> None:
        self._queue, self._tracer, self._student = queue, tracer, student
        self.open, self.waiting, self.in_flight, self.has_room = queue.open, queue.waiting, queue.in_flight, queue.has_room
        self.close, self.end, self.in_process = queue.close, queue.end, queue.in_process

    async def submit(self, job: Job) -> Result:
        with self._tracer.job(job, self._student) as span:
            try:
                result = await self._queue.submit(replace(job, trace=span.trace))
            except asyncio.CancelledError:
                span.say(outcome="withdrawn")
                raise
            except Exception as error:
                span.fail(str(error))
                raise
            _describe(span, result)
            return result


def _describe(span: _OtelSpan, result: Result) -> None:
    span.say(outcome=result.outcome.value, joules=result.joules, meter=result.meter or None)
    if result.outcome is Outcome.IMAGE:
        t = result.timings
        span.say(rows=result.rows, bytes=len(result.image))
        span.say(seconds={"wait": t.wait, "decode": t.decode, "engine": t.engine, "encode": t.encode})
    elif result.outcome is Outcome.FAILED:
        span.say(code=result.code)
        span.fail(result.message)
