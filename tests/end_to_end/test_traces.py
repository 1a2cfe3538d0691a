"""Traces from a real server to a collector: what arrives there, and that the server does without one."""

import asyncio
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

pytest.importorskip("opentelemetry.sdk", reason="the extra otel is not installed")

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

PATH = "/v1/images/generations"
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


class Collector:
    """Takes OTLP over HTTP, and keeps the spans."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                request = ExportTraceServiceRequest.FromString(body)
                for resource in request.resource_spans:
                    for scope in resource.scope_spans:
                        collector.spans += scope.spans
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def named(self, name: str) -> list[Any]:
        return [span for span in self.spans if span.name == name]


@pytest.fixture
def collector() -> Iterator[Collector]:
    """A collector of its own."""
    collector = Collector()
    yield collector
    collector.server.shutdown()
    collector.server.server_close()


async def test_a_still_and_a_session(start: Any, encoded: Any, collector: Collector) -> None:
    """What a client asks for goes on in its own trace, through its job to its tick; a session is told with its summary."""
    server = start("--engine", "fake", "--traces", collector.url)
    async with server.http() as http:
        headers = {"traceparent": f"00-{TRACE}-{SPAN}-01", "X-Request-Id": "mine"}
        assert (await http.post(PATH, json={"prompt": "x"}, headers=headers)).status_code == 200
    async with server.live() as user:
        await user.params(similarity=None)
        for number in range(3):
            await user.paint(number, encoded())
        session = user.ready["name"]
    assert await asyncio.to_thread(server.stop) == 0
    mine = [span for span in collector.spans if span.trace_id.hex() == TRACE]
    assert sorted(span.name for span in mine) == ["job", "tick"]
    job, tick = sorted(mine, key=lambda span: str(span.name))
    assert (job.parent_span_id.hex(), tick.parent_span_id) == (SPAN, job.span_id)
    assert {"mine"} == {a.value.string_value for a in job.attributes if a.key == "allaprima.request"}
    assert len(collector.named("job")) == len(collector.named("tick")) == 4
    [ended] = collector.named("session")
    said = {a.key: a.value for a in ended.attributes}
    assert said["allaprima.session"].string_value == session
    assert said["allaprima.images"].int_value == 3
    frames = [span for span in collector.named("job") if span.trace_id.hex() != TRACE]
    assert all(span.links[0].span_id == ended.span_id for span in frames)
    assert "Traceback" not in server.said()


async def test_without_a_collector(start: Any) -> None:
    """Where nobody takes the spans the server paints on, says so in its log, and stops in time."""
    server = start("--engine", "fake", "--traces", "http://127.0.0.1:9")
    async with server.http() as http:
        for _ in range(3):
            assert (await http.post(PATH, json={"prompt": "x"})).status_code == 200
    began = time.perf_counter()
    assert await asyncio.to_thread(server.stop) == 0
    assert time.perf_counter() - began < 25
    assert "opentelemetry" in server.said()
    assert "Traceback" not in server.said()


async def test_a_wrong_address(start: Any) -> None:
    """An endpoint that is none is said in words."""
    server = start("--engine", "fake", "--traces", "collector:4318", ready=False)
    assert await asyncio.to_thread(server.process.wait, 30) == 2
    assert "--traces" in server.said()
