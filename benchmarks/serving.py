"""A server as a child process: started on a free port, awaited, looked at from outside, stopped."""

import contextlib
import http.client
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HOST = "127.0.0.1"
_TAIL = 20
_POLL = 0.05


class ServingError(Exception):
    """The server did not start, or did not answer; the text ends with the last lines of its log."""


@dataclass(frozen=True)
class Serving:
    """A server that is ready. `ready_after` is the seconds from its start to its first ready answer."""

    process: "subprocess.Popen[bytes]"
    port: int
    log: Path
    ready_after: float

    @property
    def url(self) -> str:
        """The address of its streams."""
        return f"ws://{HOST}:{self.port}"

    def memory(self) -> dict[str, float]:
        """MiB resident now and at most; empty on a system without /proc."""
        try:
            return parse_memory(Path(f"/proc/{self.process.pid}/status").read_text())
        except OSError:
            return {}

    def processor_seconds(self) -> float | None:
        """Seconds of processor time used so far by all its threads; None on a system without /proc."""
        try:
            return parse_processor(Path(f"/proc/{self.process.pid}/stat").read_text(), os.sysconf("SC_CLK_TCK"))
        except OSError:
            return None

    def metric(self, name: str) -> float | None:
        """The sum over all labels of a metric, or None if the server does not have it."""
        status, text = get(self.port, "/metrics")
        return parse_metric(text, name) if status == 200 else None


@contextlib.contextmanager
def serving(arguments: Sequence[str], ready_within: float = 120.0) -> Iterator[Serving]:
    """Run `python -m server serve` with these arguments for as long as the block lasts. Raises ServingError."""
    port = free_port()
    command = [sys.executable, "-m", "server", "serve", "--host", HOST, "--port", str(port), *arguments]
    with running(command, port, ready_within) as server:
        yield server


@contextlib.contextmanager
def running(command: Sequence[str], port: int, ready_within: float, **how: Any) -> Iterator[Serving]:
    """Run a command that listens on `port` until the block ends; `how` is for Popen (`cwd`, `env`).

    Raises ServingError if it is not ready in those seconds.
    """
    with tempfile.TemporaryDirectory(prefix="allaprima-bench-") as folder:
        log = Path(folder) / "server.log"
        with log.open("wb") as output:
            begun = time.perf_counter()
            process = subprocess.Popen(list(command), stdout=output, stderr=subprocess.STDOUT, **how)
        try:
            _await_ready(process, port, begun + ready_within, log)
            yield Serving(process, port, log, time.perf_counter() - begun)
        finally:
            _stop(process)


def free_port() -> int:
    """A TCP port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def get(port: int, path: str) -> tuple[int, str]:
    """Status and text of a GET on this machine; status 0 if nobody answers."""
    connection = http.client.HTTPConnection(HOST, port, timeout=5)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode(errors="replace")
    except (OSError, http.client.HTTPException):
        return 0, ""
    finally:
        connection.close()


def parse_memory(status: str) -> dict[str, float]:
    """MiB from the text of /proc/PID/status, as `resident` and `peak`."""
    values = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    names = {"resident": "VmRSS", "peak": "VmHWM"}
    return {name: int(values[key].split()[0]) / 1024 for name, key in names.items() if key in values}


def parse_processor(stat: str, ticks_per_second: int) -> float:
    """User and system seconds from the text of /proc/PID/stat."""
    # the name of the program, in parentheses, may itself hold spaces
    fields = stat.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / ticks_per_second


def parse_metric(exposition: str, name: str) -> float | None:
    """The sum over all labels of one sample name in Prometheus's text format; None if it does not occur."""
    lines = (line for line in exposition.splitlines() if line.startswith((f"{name} ", f"{name}{{")))
    values = [float(line.rsplit("}", 1)[-1].removeprefix(name).split()[0]) for line in lines]
    return sum(values) if values else None


def _await_ready(process: "subprocess.Popen[bytes]", port: int, deadline: float, log: Path) -> None:
    while True:
        if process.poll() is not None:
            raise ServingError(f"the server ended with code {process.returncode} before it was ready.{_tail(log)}")
        if get(port, "/readyz")[0] == 200:
            return
        if time.perf_counter() > deadline:
            raise ServingError(f"the server did not become ready in time.{_tail(log)}")
        time.sleep(_POLL)


def _tail(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()[-_TAIL:]
    return "\n".join([" Its log ends:", *lines]) if lines else " It wrote no log."


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
