"""A real server in a process of its own, and clients that speak to it by the book and not by our code."""

import asyncio
import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from benchmarks.redis_server import RedisServer

ROOT = Path(__file__).parents[2]
PATIENCE = 30.0
IMAGE, REPEAT, DROPPED = 1, 2, 3


@dataclass
class Answer:
    """A binary answer, taken apart by the table in docs/wire.md."""

    id: int
    kind: int
    rows: int
    rev: int
    times: tuple[int, ...]
    image: bytes

    @classmethod
    def parse(cls, data: bytes) -> "Answer":
        number, kind, rows, rev, *times = struct.unpack_from("<IBBHIIII", data)
        return cls(number, kind, rows, rev, tuple(times), data[24:])


@dataclass
class Live:
    """One user: a socket, what the server greeted with, and how many frames are unanswered."""

    socket: ClientConnection
    ready: dict[str, Any] = field(default_factory=dict)

    async def text(self, message: str | dict[str, Any]) -> None:
        await self.socket.send(message if isinstance(message, str) else json.dumps(message))

    async def frame(self, number: int, image: bytes) -> None:
        await self.socket.send(struct.pack("<I", number) + image)

    async def next(self) -> Any:
        """The next message: a dict, or an Answer."""
        async with asyncio.timeout(PATIENCE):
            message = await self.socket.recv()
        return json.loads(message) if isinstance(message, str) else Answer.parse(message)

    async def params(self, **changes: Any) -> dict[str, Any]:
        """Change params; what is then in force, or the error."""
        await self.text({"type": "params", **changes})
        reply: dict[str, Any] = await self.next()
        return reply

    async def paint(self, number: int, image: bytes) -> Any:
        """Send a frame and wait for its answer."""
        await self.frame(number, image)
        return await self.next()


@dataclass
class Server:
    """A server that runs."""

    process: "subprocess.Popen[str]"
    port: int
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @asynccontextmanager
    async def live(
        self, query: str = "", subprotocols: tuple[str, ...] = ("allaprima.v1",), greeted: bool = True, **options: Any
    ) -> AsyncIterator[Live]:
        """A live user; `greeted` False leaves the ready message to the test."""
        offered = [Subprotocol(name) for name in subprotocols] or None
        url = f"ws://127.0.0.1:{self.port}/v1/stream{query}"
        async with connect(url, subprotocols=offered, compression=None, proxy=None, max_size=None, **options) as live_socket:
            user = Live(live_socket)
            if greeted:
                user.ready = await user.next()
                assert user.ready["type"] == "ready"
            yield user

    def http(self, **options: Any) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.url, timeout=PATIENCE, trust_env=False, **options)

    def metrics(self) -> str:
        """What /metrics says, as text."""
        return httpx.get(f"{self.url}/metrics", timeout=PATIENCE, trust_env=False).text

    def metric(self, name: str, **labels: str) -> float:
        """A sample of /metrics, 0 where there is none."""
        for line in self.metrics().splitlines():
            found = re.fullmatch(rf"{name}(?:\{{(.*)\}})? (\S+)", line)
            if found and all(f'{key}="{value}"' in (found[1] or "") for key, value in labels.items()):
                return float(found[2])
        return 0.0

    def outcome(self, outcome: str) -> float:
        return self.metric("allaprima_frames_total", outcome=outcome)

    async def metric_becomes(self, value: float, name: str, **labels: str) -> None:
        for _ in range(int(PATIENCE / 0.05)):
            if await asyncio.to_thread(self.metric, name, **labels) == value:
                return
            await asyncio.sleep(0.05)
        pytest.fail(f"{name} did not become {value}")

    def refusals(self, reason: str) -> float:
        return self.metric("allaprima_refusals_total", reason=reason)

    def ended(self, how: str) -> float:
        return self.metric("allaprima_sessions_ended_total", reason=how)

    def processor_seconds(self) -> float:
        """What all its threads have used of a processor so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def said(self) -> str:
        return self.log.read_text()

    async def port_closed(self) -> None:
        """Wait until it has heard that it is to stop: it takes nobody in any more."""
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                except ConnectionRefusedError:
                    return
                writer.transport.abort()
                await asyncio.sleep(0.02)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(how)
        return self.process.wait(PATIENCE)


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def launch(
    log: Path,
    *flags: str,
    port: int | None = None,
    program: tuple[str, ...] = ("-m", "server"),
    command: str = "serve",
    **variables: str,
) -> Server:
    """Start a server's process, or a worker's, and wait for nothing. `variables` are of its environment."""
    port = free_port() if port is None else port
    asked = [sys.executable, *program, command, "--port" if command == "serve" else "--worker-port", str(port), *flags]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("ALLAPRIMA_")} | {"PYTHONWARNINGS": "error"}
    environment["ALLAPRIMA_FRAME_DEADLINE"] = str(PATIENCE)  # on a busy machine no frame is late, but where a test wants that
    environment |= {"PYTHONPATH": str(ROOT), "ALLAPRIMA_STUDENT": "embedded", **variables}
    with log.open("w") as out:
        process = subprocess.Popen(asked, stdout=out, stderr=subprocess.STDOUT, text=True, env=environment)
    return Server(process, port, log)


def wait_ready(server: Server) -> None:
    """Wait until it can paint."""
    for _ in range(int(2 * PATIENCE / 0.05)):
        if server.process.poll() is not None:
            break
        try:
            if httpx.get(f"{server.url}/readyz", timeout=PATIENCE, trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    pytest.fail(f"the server did not get ready:\n{server.said()}")


@pytest.fixture(scope="session")
def _started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def start(*flags: str, ready: bool = True, **more: Any) -> Server:
        log = tmp_path_factory.mktemp("server") / "log"
        server = launch(log, *flags, **more)
        servers.append(server)
        if ready:
            wait_ready(server)
        return server

    yield start
    for server in servers:
        if server.process.poll() is None:
            server.process.kill()
            server.process.wait()


@pytest.fixture(scope="session")
def start(_started: Callable[..., Server]) -> Callable[..., Server]:
    """`start("--flag", "value", ...)`: a server of one's own, of whatever engine; stopped at the end of all tests."""
    return _started


@pytest.fixture(scope="session")
def _shared(_started: Callable[..., Server]) -> Server:
    return _started("--engine", "fake", "--fake-tick", "0.005")


@pytest.fixture
def server(_shared: Server) -> Iterator[Server]:
    """The server that most tests share; each test checks that it is alive and logged no traceback."""
    yield _shared
    assert _shared.process.poll() is None, _shared.said()
    assert "Traceback" not in _shared.said()
    assert httpx.get(f"{_shared.url}/readyz", timeout=PATIENCE, trust_env=False).status_code == 200


@pytest.fixture(scope="module")
def redis_server() -> Iterator[RedisServer]:
    """A queue for servers of several processes."""
    with RedisServer(clustered=True) as server:
        yield server
