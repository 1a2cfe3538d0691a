"""Where a server listens: at once, at every address of its host, and at none where one is taken; and that it ends."""

import socket
import subprocess
import sys

import pytest

from server.running import PortTaken, listen
from server.settings import load_settings


def test_listening() -> None:
    """A socket that was given out takes connections already, though nobody answers yet; port 0 is a free one."""
    [listener] = listen(load_settings({"host": "127.0.0.1", "port": "0"}))
    with listener, socket.create_connection(listener.getsockname(), 5):
        assert listener.getsockname()[1] != 0


def test_taken() -> None:
    """A port that another listens at is said with what to do, even if that one has only begun; it is no trouble afterwards."""
    [first] = listen(load_settings({"host": "127.0.0.1", "port": "0"}))
    again = load_settings({"host": "127.0.0.1", "port": str(first.getsockname()[1])})
    with first, pytest.raises(PortTaken, match=r"address already in use; choose another with --host and --port"):
        listen(again)
    for one in listen(again):
        one.close()


@pytest.mark.parametrize("host", ["no.such.host.invalid", "203.0.113.7"])
def test_no_such_address(host: str) -> None:
    """A host that does not exist, or is not this machine, is said by its name."""
    with pytest.raises(PortTaken, match=f"cannot listen on {host}:0"):
        listen(load_settings({"host": host, "port": "0"}))


def test_both_families() -> None:
    """A name with an address of each family is listened at by both."""
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    try:
        [listener] = listen(load_settings({"host": "::1", "port": "0"}))
    except PortTaken:
        pytest.skip("this machine has no IPv6 address of its own")
    with listener:
        assert listener.family is socket.AF_INET6


_UNREAD = """
import logging, sys, threading
from server import running

class Unread:
    def write(self, text):
        stuck.set()
        threading.Event().wait()
    flush = lambda self: self.write("")

stuck = threading.Event()
logging.basicConfig(stream=Unread(), force=True)
threading.Thread(target=logging.warning, args=("nobody reads this",), daemon=True).start()
stuck.wait()
sys.stderr = Unread()
running._leave(3, lambda: logging.warning("nor this"))
"""


def test_a_log_that_nobody_reads() -> None:
    """A process ends also while what it says is taken by nobody, though another thread holds the log."""
    assert subprocess.run([sys.executable, "-c", _UNREAD], timeout=60).returncode == 3
