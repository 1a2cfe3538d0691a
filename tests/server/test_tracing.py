"""Traces off, and what may come in as a trace."""

import subprocess
import sys

import pytest

from server.queue import MemoryQueue
from server.server import build_tracer
from server.settings import SettingsError, load_settings
from server.tracing import NO_TRACER, known_trace

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_off() -> None:
    """By default nothing is traced: the queue is the queue itself, and a span says nothing and is nothing."""
    tracer = build_tracer(load_settings({}))
    assert tracer is NO_TRACER
    queue = MemoryQueue(1)
    assert tracer.jobs(queue, "embedded") is queue
    with tracer.session() as span, tracer.tick("embedded", []):
        span.say(anything=1)
    assert span.trace == ""
    tracer.shut()


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked for where OpenTelemetry is not installed, it says what to install."""
    monkeypatch.setitem(sys.modules, "server.otel", None)
    with pytest.raises(SettingsError, match=r"allaprima\[otel\]"):
        build_tracer(load_settings({"traces": "http://127.0.0.1:4318"}))


def test_off_imports_nothing() -> None:
    """What serves without traces does not load OpenTelemetry's SDK."""
    program = "import sys; import server.server; print('opentelemetry.sdk' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize(
    ("header", "known"),
    [(PARENT, PARENT), (None, ""), ("", ""), ("nonsense", ""), (PARENT + "\n", ""), (PARENT.upper(), ""), (PARENT + "00", "")],
)
def test_known_trace(header: str | None, known: str) -> None:
    """Only what is a traceparent is taken for one."""
    assert known_trace(header) == known
