"""Traces from a real server to a collector: what arrives there, and that the server does without one."""

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("opentelemetry.sdk", reason="the extra otel is not installed")

from .collector import Collector

PATH = "/v1/images/generations"
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.fixture
def collector() -> Iterator[Collector]:
    """A collector of its own."""
    collector = Collector()
    yield collector
    collector.close()


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
