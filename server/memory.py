"""Memory that is freed goes back to the system: large bodies, messages and pictures leave tens of megabytes with glibc."""

import ctypes
import mmap
import threading
from collections.abc import Callable
from pathlib import Path

_PERIOD = 1.0
_SLACK = 8 << 20
"""Bytes that the process may hold beyond the least it ever held."""
_RARELY = 16
"""Periods between two tries, where what it grew by is in use."""
_STATM = Path("/proc/self/statm")
_PAGE = mmap.PAGESIZE


def _trim() -> Callable[[int], int] | None:
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):  # only glibc has it, and only glibc needs it
        return None
    trim.argtypes, trim.restype = [ctypes.c_size_t], ctypes.c_int
    return trim


_TRIM = _trim()


def give_back() -> None:
    """Let glibc return what it keeps of freed memory. Takes a millisecond or so, without the interpreter's lock."""
    if _TRIM is not None:
        _TRIM(0)


def resident() -> int:
    """Bytes that this process holds, or 0 where that cannot be read."""
    try:
        return int(_STATM.read_text().split()[1]) * _PAGE
    except OSError:
        return 0


class Trimmer:
    """Gives memory back whenever the process has grown, whoever made it grow. A thread of its own, which the process outlives.

    `holds` and `trim` are for tests.
    """

    def __init__(self, holds: Callable[[], int] = resident, trim: Callable[[], None] = give_back) -> None:
        self._holds, self._trim = holds, trim
        self._least = holds()
        self._pause, self._patience = 0, 1
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="memory", daemon=True)

    def start(self) -> None:
        """Begin, where memory is kept at all and it can be seen how much."""
        if _TRIM is not None and self._least:
            self._thread.start()

    def stop(self) -> None:
        """Returns when the thread has ended."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()

    def look(self) -> None:
        """Give back what is free, if the process has grown; less and less often while what it grew by is in use."""
        held = self._holds()
        self._least = min(self._least, held)
        self._pause -= 1
        if held <= self._least + _SLACK:
            self._patience = 1
        elif self._pause <= 0:
            self._trim()
            gave = held - self._holds()
            self._patience = 1 if gave > _SLACK // 4 else min(2 * self._patience, _RARELY)
            self._pause = self._patience

    def _run(self) -> None:
        while not self._stopping.wait(_PERIOD):
            self.look()
