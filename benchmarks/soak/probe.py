"""A server looked at from outside: its memory, descriptors, threads, tasks, and how many series it exposes."""

import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from ..serving import parse_metric

_COME_AND_GO = ("allaprima_joules_per_image", "allaprima_power_watts")
"""Series that are absent while there is nothing to say."""


@dataclass(frozen=True)
class Look:
    """One look. What cannot be known is None. `at` is `time.perf_counter`'s."""

    at: float
    resident_mib: float | None
    descriptors: int | None
    threads: int | None
    tasks: int | None
    series: int
    sessions: int


class Probe:
    """Looks at the server of a stream's address; threads are seen only of a process on this machine."""

    def __init__(self, url: str, pid: int | None = None, key: str | None = None) -> None:
        parts = urlsplit(url)
        self._url = f"{'https' if parts.scheme in ('https', 'wss') else 'http'}://{parts.netloc}/metrics"
        self._pid = pid
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._open = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def look(self) -> Look:
        """Blocks for a request. Raises OSError if the server does not answer."""
        with self._open.open(urllib.request.Request(self._url, headers=self._headers), timeout=30) as answer:
            text = answer.read().decode()
        resident = parse_metric(text, "process_resident_memory_bytes")
        return Look(
            at=time.perf_counter(),
            resident_mib=None if resident is None else resident / 2**20,
            descriptors=_whole(parse_metric(text, "process_open_fds")),
            threads=self._threads(),
            tasks=_whole(parse_metric(text, "allaprima_event_loop_tasks")),
            series=count_series(text),
            sessions=_whole(parse_metric(text, "allaprima_sessions")) or 0,
        )

    def _threads(self) -> int | None:
        try:
            return None if self._pid is None else parse_threads(Path(f"/proc/{self._pid}/status").read_text())
        except OSError:
            return None


def count_series(exposition: str) -> int:
    """Series in Prometheus's text format, but for those that come and go by design."""
    return sum(bool(line) and not line.startswith(("#", *_COME_AND_GO)) for line in exposition.splitlines())


def parse_threads(status: str) -> int | None:
    """The number of threads from the text of /proc/PID/status."""
    found = (line.split()[1] for line in status.splitlines() if line.startswith("Threads:"))
    return next(map(int, found), None)


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)
