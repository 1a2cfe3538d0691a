"""A child server is awaited, looked at and stopped, and one that does not start is explained."""

import sys
from collections.abc import Iterator

import pytest

from benchmarks.serving import Serving, ServingError, free_port, parse_memory, parse_metric, parse_processor, running

SERVER = """
import http.server, sys, time
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        ready = time.monotonic() > begun + 0.3
        body = b'ticks_sum{student="a"} 1.5\\nticks_sum{student="b"} 2\\nticks_sum_x 9\\n' if self.path == "/metrics" else b""
        self.send_response(200 if ready else 503)
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *arguments):
        pass
begun = time.monotonic()
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Serving]:
    port = free_port()
    with running([sys.executable, "-c", SERVER, str(port)], port, 20) as started:
        yield started


def test_ready_is_awaited(server: Serving) -> None:
    """A server counts as ready when it says so, not when it listens."""
    assert server.ready_after >= 0.3


def test_metrics_are_summed(server: Serving) -> None:
    """A metric is the sum over its labels; one that is absent is None, not zero."""
    assert server.metric("ticks_sum") == 3.5
    assert server.metric("nothing") is None


def test_memory_of_a_process(server: Serving) -> None:
    """The resident memory of the child is read in MiB."""
    memory = server.memory()
    assert 1 < memory["resident"] <= memory["peak"] < 500


def test_stopped_at_the_end() -> None:
    """When the block ends, so does the server."""
    port = free_port()
    with running([sys.executable, "-c", SERVER, str(port)], port, 20) as started:
        assert started.process.poll() is None
    assert started.process.poll() is not None


def test_a_server_that_fails() -> None:
    """A server that ends before it is ready is reported with its code and its log."""
    command = [sys.executable, "-c", "import sys; print('no student'); sys.exit(3)"]
    with pytest.raises(ServingError, match=r"(?s)code 3.*no student"), running(command, free_port(), 20):
        pass


def test_a_server_that_never_is_ready() -> None:
    """A server that does not become ready in time is given up."""
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    with pytest.raises(ServingError, match="did not become ready"), running(command, free_port(), 0.3):
        pass


def test_parse_memory() -> None:
    """Kilobytes of the status file become MiB; lines that are absent are left out."""
    assert parse_memory("Name:\tx\nVmHWM:\t  4096 kB\nVmRSS:\t  2048 kB\n") == {"resident": 2.0, "peak": 4.0}
    assert parse_memory("Name:\tx\n") == {}


def test_processor_time(server: Serving) -> None:
    """The child's processor time is read, and a program's name with spaces and parentheses does not disturb it."""
    seconds = server.processor_seconds()
    assert seconds is not None
    assert 0 <= seconds < 60
    assert parse_processor("7 (a (b) c) S 1 1 1 0 -1 4 10 0 0 0 250 50 0 0 20", 100) == 3.0


def test_parse_metric() -> None:
    """Samples without labels are read too, and comments are not."""
    assert parse_metric("# HELP up x\nup 1\nupper 5\n", "up") == 1.0
