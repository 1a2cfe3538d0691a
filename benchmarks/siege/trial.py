"""A trial as a value, the register of all of them, and what they are written with: servers that start and end, and sockets."""

import contextlib
import importlib
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ..serving import HOST, free_port, running
from . import frames

_FAKE = ("--student", "embedded", "--engine", "fake", "--fake-tick", "0.02", "--fake-row", "0.005")
GRACE = 2


@dataclass(frozen=True)
class Trial:
    name: str
    group: int
    what: str
    run: Callable[[float], list[str]]
    """Of how many times the usual slack this machine is given; what was wrong."""


TRIALS: dict[str, Trial] = {}


def trial(group: int) -> Callable[[Callable[[float], list[str]]], Callable[[float], list[str]]]:
    """Register a function as a trial under its name."""

    def register(run: Callable[[float], list[str]]) -> Callable[[float], list[str]]:
        TRIALS[run.__name__] = Trial(run.__name__, group, (run.__doc__ or "").strip().splitlines()[0], run)
        return run

    return register


def all_trials() -> dict[str, Trial]:
    """Every trial by name."""
    importlib.import_module(f"{__package__}.trials")
    return TRIALS


# servers and clients ----------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def server(*flags: str) -> Iterator[tuple["subprocess.Popen[bytes]", int]]:
    """A server that is ready, by its process and port."""
    port = free_port()
    command = [sys.executable, "-m", "server", "serve", "--port", str(port), "--grace", str(GRACE), *_FAKE, *flags]
    with running(command, port, 60.0) as server:
        yield server.process, port


def hear_interrupts() -> None:
    """In a child: what a shell starts in the background ignores interrupts, and so would what that starts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextlib.contextmanager
def starting(port: int) -> Iterator[tuple["subprocess.Popen[bytes]", Path]]:
    """A server with the embedded student that has nothing built yet, just started, and its log."""
    with tempfile.TemporaryDirectory(prefix="allaprima-siege-") as folder:
        command = [sys.executable, "-m", "server", "serve", "--port", str(port), "--grace", str(GRACE)]
        command += ["--student", "embedded", "--cache", folder]
        log = Path(folder) / "log"
        with log.open("wb") as output:
            process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, preexec_fn=hear_interrupts)
        try:
            yield process, log
        finally:
            process.kill()
            process.wait()


def seconds_to_end(process: "subprocess.Popen[bytes]", how: signal.Signals, most: float) -> float | None:
    """Send a signal; the seconds until the process ended, or None after `most`."""
    began = time.monotonic()
    process.send_signal(how)
    try:
        process.wait(most)
    except subprocess.TimeoutExpired:
        return None
    return time.monotonic() - began


def end(process: "subprocess.Popen[bytes]", how: signal.Signals, most: float) -> list[str]:
    took = seconds_to_end(process, how, most)
    return [] if took is not None else [f"{how.name} did not end it within {most:.1f} s"]


def dial(port: int, address: str = HOST) -> socket.socket:
    one = socket.socket()
    one.settimeout(5)
    one.bind((address, 0))
    one.connect((HOST, port))
    return one


def ask(port: int, data: bytes) -> bytes:
    """What comes back for these bytes, up to the end or five seconds."""
    with dial(port) as one:
        one.sendall(data)
        got = b""
        with contextlib.suppress(OSError):
            while more := one.recv(65536):
                got += more
        return got


def live(port: int, query: str = "", headers: dict[str, str] | None = None, address: str = HOST) -> tuple[socket.socket, str]:
    """A live connection and its session's name; empty if it was not greeted."""
    one = dial(port, address)
    one.sendall(frames.upgrade(frames.PATH + query, headers))
    got = b""
    with contextlib.suppress(OSError):
        while b'"session":"' not in got and (more := one.recv(65536)):
            got += more
    return one, got.partition(b'"session":"')[2].partition(b'"')[0].decode()


def status(answer: bytes) -> int:
    words = answer.split(b" ", 2)
    return int(words[1]) if len(words) > 2 and words[1].isdigit() else 0


def besiege_quietly(port: int) -> list[socket.socket]:
    """Sockets that wait for something, each in another way."""
    halves = (
        b"", b"GET /healthz HTTP/1.1\r\nHo", frames.upgrade()[:-2], frames.still({"prompt": "x"})[:-4],
        frames.request("POST", frames.STILLS, headers={"Content-Length": "", "Transfer-Encoding": "chunked"}) + b"1\r\n \r\n",
        frames.upgrade(), frames.upgrade() + frames.frame(frames.BINARY, b"half", fin=False),
        frames.upgrade() + frames.frame(frames.PING, b"p" * 125) * 20_000,
        frames.upgrade() + frames.params(nonsense="x" * 300) * 5_000 + frames.frame(frames.CLOSE, b"\x03\xe8"),
        frames.request("GET", "/web/app.js") * 2_000,
    )  # fmt: skip
    sockets = []
    for half in halves * 2:
        one = dial(port)
        one.settimeout(0.3)
        with contextlib.suppress(OSError):
            one.sendall(half)
        sockets.append(one)
    return sockets
