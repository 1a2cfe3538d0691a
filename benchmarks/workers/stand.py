"""What is measured: a Redis server, front ends and workers, each a process on this machine."""

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Self

from ..redis_server import HOST, RedisServer
from ..serving import Serving, free_port, running, serving

TICK = 0.02
"""Seconds of a fake tick, unless a worker is told another."""
_READY_WITHIN = 120.0
_STUDENT = ("--student", "embedded")
"""Whose pictures have 256 x 256 pixels, as those of the published figures."""
_ROOM = (
    "--max-waiting", "128", "--max-waiting-per-owner", "128", "--max-sessions", "64", "--max-sessions-per-owner", "64",
)  # fmt: skip


class Stand(ExitStack):
    """Starts what is asked for, and stops it all at the end. Workers have a fake engine with ticks of one row."""

    def __init__(self) -> None:
        super().__init__()
        self.redis = RedisServer("--maxmemory", "1gb", "--maxmemory-policy", "noeviction")
        self.workers: list[Serving] = []
        self.fronts: list[Serving] = []

    def __enter__(self) -> Self:
        super().__enter__()
        self.enter_context(self.redis)
        return self

    def have(self, workers: int, fronts: int) -> tuple[list[Serving], list[Serving]]:
        """So many of each, at work: those that are alive, and as many more as are missing, started all at once."""
        self.workers, self.fronts = _alive(self.workers), _alive(self.fronts)
        missing: list[Callable[[], object]] = [self.worker] * (workers - len(self.workers))
        missing += [self.front] * (fronts - len(self.fronts))
        with ThreadPoolExecutor(max(1, len(missing))) as starting:
            for started in [starting.submit(start) for start in missing]:
                started.result()
        return self.workers[:workers], self.fronts[:fronts]

    def front(self, *flags: str) -> Serving:
        """A front end that is ready, so a worker must be there, or soon be."""
        made = self.enter_context(serving(["--queue", self.redis.url, *_STUDENT, *_ROOM, *flags], _READY_WITHIN))
        self.fronts.append(made)
        return made

    def worker(self, *flags: str, tick: float = TICK, queue: str = "", sizes: str = "1", port: int = 0) -> Serving:
        port = port or free_port()
        command = _worker(queue or self.redis.url, port, tick, sizes, *flags)
        made = self.enter_context(running(command, port, _READY_WITHIN))
        self.workers.append(made)
        return made

    def unreachable_worker(self, inside: Sequence[str], queue: str) -> None:
        """One that is started by another command, and of which nothing is heard but what it tells the queue."""
        process = subprocess.Popen([*inside, *_worker(queue, free_port(), TICK, "1")], stderr=subprocess.DEVNULL)
        self.callback(process.wait)
        self.callback(process.kill)

    def alone(self, *flags: str, tick: float = TICK) -> Serving:
        """One process that is both, with the same engine."""
        engine = (*_STUDENT, "--engine", "fake", "--fake-tick", str(tick), "--batch-sizes", "1")
        return self.enter_context(serving([*engine, *_ROOM, *flags], _READY_WITHIN))


def _worker(queue: str, port: int, tick: float, sizes: str, *flags: str) -> list[str]:
    command = [sys.executable, "-m", "server", "worker", "--queue", queue, "--worker-port", str(port), *_STUDENT]
    return [*command, "--engine", "fake", "--fake-tick", str(tick), "--batch-sizes", sizes, *flags]


def _alive(servers: list[Serving]) -> list[Serving]:
    return [server for server in servers if server.process.poll() is None]


class Relay:
    """A way to servers that can be cut: connections go to the first of them that takes any."""

    def __init__(self, *ports: int) -> None:
        self._ports, self._open = ports, asyncio.Event()
        self._open.set()
        self._passing: set[asyncio.Task[None]] = set()
        self.port = 0

    @contextlib.asynccontextmanager
    async def running(self, host: str = HOST) -> AsyncIterator[Self]:
        server = await asyncio.start_server(self._take, host, 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in self._passing:
                task.cancel()
            await asyncio.gather(*self._passing, return_exceptions=True)

    def cut(self) -> None:
        """Let nothing through: connections stay, and nobody hears of the other side."""
        self._open.clear()

    def mend(self) -> None:
        self._open.set()

    def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._pass(reader, writer))
        self._passing.add(task)
        task.add_done_callback(self._passing.discard)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends, ways = [writer], list[asyncio.Task[None]]()
        try:
            await self._open.wait()
            there, back = await self._connect()
            ends.append(back)
            ways = [asyncio.ensure_future(self._pump(*way)) for way in ((reader, back), (there, writer))]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        except OSError:
            pass  # nobody takes any
        finally:
            for way in ways:
                way.cancel()
            for end in ends:
                end.transport.abort()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        for port in self._ports[:-1]:
            with contextlib.suppress(OSError):
                return await asyncio.open_connection(HOST, port)
        return await asyncio.open_connection(HOST, self._ports[-1])

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(1 << 16):
                await self._open.wait()
                writer.write(data)
                await writer.drain()
