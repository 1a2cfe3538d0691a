"""The server's process ends, whatever hangs."""

import subprocess
import sys

_UNREAD = """
import logging, sys, threading
from server import process

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
process._leave(3, lambda: logging.warning("nor this"))
"""


def test_a_log_that_nobody_reads() -> None:
    """A process ends also while what it says is taken by nobody, though another thread holds the log."""
    assert subprocess.run([sys.executable, "-c", _UNREAD], timeout=60).returncode == 3
