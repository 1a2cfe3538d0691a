"""A network namespace for a process, and the cable between it and this machine, which can be pulled. Linux, as root."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_NETWORK = "10.213.77"
HERE = f"{_NETWORK}.1"
"""This machine's address at the cable; the other end has the next."""


class NoNamespaces(Exception):
    """This machine has no network namespaces for us; the text says what is missing."""


class Cable:
    """Its own end is `<name>-in`, inside; ours is `<name>-out`."""

    def __init__(self, name: str) -> None:
        self._name = name

    @property
    def inside(self) -> list[str]:
        """What a command is to begin with, to run at the other end."""
        return ["ip", "netns", "exec", self._name]

    def pull(self) -> None:
        """From now on nothing comes through, and nobody is told."""
        self._in("link", "set", f"{self._name}-in", "down")

    def plug_in(self) -> None:
        self._in("link", "set", f"{self._name}-in", "up")

    def _in(self, *words: str) -> None:
        _ip("-n", self._name, *words)


@contextmanager
def cable() -> Iterator[Cable]:
    """A namespace of its own, and a cable to it. Raises NoNamespaces."""
    if shutil.which("ip") is None or os.geteuid() != 0:
        raise NoNamespaces("network namespaces want root, and the command ip (iproute2)")
    name = f"paint{os.getpid()}"[:11]
    try:
        _ip("netns", "add", name)
    except subprocess.CalledProcessError as error:
        raise NoNamespaces(f"no network namespace can be made here: {error.stderr.strip()}") from error
    try:
        _ip("link", "add", f"{name}-out", "type", "veth", "peer", "name", f"{name}-in", "netns", name)
        _ip("address", "add", f"{HERE}/30", "dev", f"{name}-out")
        _ip("link", "set", f"{name}-out", "up")
        made = Cable(name)
        made._in("address", "add", f"{_NETWORK}.2/30", "dev", f"{name}-in")
        made._in("link", "set", "lo", "up")
        made.plug_in()
        yield made
    finally:
        with suppress(subprocess.CalledProcessError):
            _ip("netns", "delete", name)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)
