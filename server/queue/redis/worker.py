"""A worker's side of a queue in Redis. Each thread that speaks to the server has a connection of its own."""

import contextlib
import logging
import queue
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ...status import Status
from ...types import Job, JobKind, Outcome, Result
from ..base import QueueClosed
from .connecting import ANSWER_SECONDS, FIRST_PAUSE, LONGEST_PAUSE, Trouble
from .errors import QueueError, RedisError
from .layout import BEAT, Layout, scripts
from .messages import Unreadable, pack_result, pack_status, unpack_job
from .way import Unreachable, Way

log = logging.getLogger(__name__)

_LONGEST_BLOCK = 0.5
"""Seconds for which a worker listens to the bell at a stretch: after them it looks whether it is to stop."""
_MOST = 64
"""Answers sent at once."""
_PARTS = 4
"""Values by which a job is given: its id, age, milliseconds left and bytes."""


@dataclass(frozen=True, slots=True)
class _Returned:
    """A job on its way back into its line."""

    job: int
    blamed: bool


class RedisWorkerQueue:
    """Jobs of one student, for one worker. `on_fatal` is told, once, why the queue will never do."""

    shared = True

    def __init__(self, url: str, layout: Layout, on_fatal: Callable[[QueueError], None] = lambda error: None) -> None:
        self.name = f"{socket.gethostname()}-{secrets.token_hex(6)}"
        self._layout, self._on_fatal = layout, on_fatal
        self._trouble = Trouble(url)
        self._takers = {kind: self._way(url, "take") for kind in JobKind}
        self._sender = self._way(url, "deliver", "give_back", "worker_leave")
        self._heart = self._way(url, "worker_beat")
        self._status = Status(layout.student)
        self._held: dict[int, Job] = {}
        self._outgoing: queue.SimpleQueue[Result | _Returned | None] = queue.SimpleQueue()
        self._closed, self._over = threading.Event(), threading.Event()
        self._changed, self._handed_over = threading.Event(), threading.Event()
        self._fatal = False
        self._threads = [
            threading.Thread(target=self._guarded, args=(part,), name=name, daemon=True)
            for name, part in (("queue-answers", self._send), ("queue-heart", self._beat))
        ]

    def _way(self, url: str, *names: str) -> Way:
        return Way(url, self._layout.root, scripts(names), self._trouble)

    def start(self) -> None:
        """Announce the worker, and begin to pass on its answers."""
        for thread in self._threads:
            thread.start()

    def announce(self, status: Status) -> None:
        """What front ends are to know from now on. It does not wait."""
        self._status = status
        self._changed.set()

    def why(self) -> str:
        """Why nothing comes from the queue, for a person; empty while all is well."""
        return self._trouble.why

    # jobs --------------------------------------------------------------------------------------------------------

    def take(self, kind: JobKind, most: int, timeout: float) -> list[Job]:
        until = time.monotonic() + timeout
        while True:
            if self._closed.is_set():
                raise QueueClosed
            try:
                self._handed_over.clear()
                jobs = self._take(kind, most)
                left = until - time.monotonic()
                if jobs or left <= 0:
                    return jobs or []
                if jobs is None:
                    self._handed_over.wait(FIRST_PAUSE)
                    continue
                self._takers[kind].listen(self._layout.bell(kind.value), min(left, _LONGEST_BLOCK))
            except Unreachable:
                if time.monotonic() >= until:
                    return []
            except QueueError as error:
                self._fail(error)
                raise QueueClosed from error

    def _take(self, kind: JobKind, most: int) -> list[Job] | None:
        """None where something waits that may be had later, when this worker or another has done what it has."""
        given = self._takers[kind].run("take", kind.value, self.name, most)
        if isinstance(given, RedisError):
            log.error("the queue gave no jobs", exc_info=given)
            time.sleep(FIRST_PAUSE)
            return []
        if given is None:
            return None
        now, jobs = time.monotonic(), []
        for at in range(0, len(given), _PARTS):
            number, age, left, data = given[at : at + _PARTS]
            try:
                job = unpack_job(data, now - age / 1000, now + left / 1000)
                if job.id != int(number):
                    raise Unreadable(f"it says it is {job.id}, and lies at {int(number)}")
            except (Unreadable, TypeError) as error:
                self._refuse(number, str(error))
            else:
                self._held[job.id] = job
                jobs.append(job)
        return jobs

    def _refuse(self, number: bytes, why: str) -> None:
        """Answer what is no job that this process can read."""
        log.warning("a job in the queue cannot be read: %s", why)
        with contextlib.suppress(ValueError):
            message = f"the worker cannot read this job: {why}"
            self.deliver(Result(int(number), Outcome.FAILED, code="unreadable", message=message))

    def deliver(self, result: Result) -> None:
        self._outgoing.put(result)

    def give_back(self, job: Job, blamed: bool = False) -> None:
        self._outgoing.put(_Returned(job.id, blamed))

    def wanted(self, jobs: Iterable[int]) -> set[int]:
        return {job for job in jobs if job in self._held}

    # its end -----------------------------------------------------------------------------------------------------

    def close(self) -> None:
        self._closed.set()

    def leave(self, patience: float) -> None:
        """Send what is still to be sent, and say goodbye, within so many seconds. After `close`; nothing is taken any more."""
        self.close()
        self._outgoing.put(None)
        until = time.monotonic() + patience
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(max(0.0, until - time.monotonic()))
        self._over.set()
        for way in (*self._takers.values(), self._sender, self._heart):
            way.close()

    # threads -----------------------------------------------------------------------------------------------------

    def _guarded(self, part: Callable[[], None]) -> None:
        while True:
            try:
                part()
                return
            except QueueError as error:
                self._fail(error)
                return
            except Exception:  # or front ends would never hear of this worker again
                log.exception("a thread of the queue failed, and begins again")
                time.sleep(LONGEST_PAUSE)

    def _fail(self, error: QueueError) -> None:
        self.close()
        if not self._fatal:
            self._fatal = True
            self._on_fatal(error)

    def _send(self) -> None:
        """Pass on answers until the last one, in their order, each until it has arrived."""
        last = False
        while not last:
            going = [self._outgoing.get()]
            while len(going) < _MOST and not self._outgoing.empty():
                going.append(self._outgoing.get())
            last = None in going
            self._send_until_there([one for one in going if one is not None])
        self._over.set()
        self._changed.set()
        self._threads[1].join(ANSWER_SECONDS)  # or a last sign of life would come after the goodbye
        self._send_until_there([], ("worker_leave", self.name))

    def _send_until_there(self, going: Sequence[Result | _Returned], *more: tuple[Any, ...]) -> None:
        calls = [self._call(one) for one in going] + list(more)
        while calls:
            try:
                for answer in self._sender.run_all(calls):
                    if isinstance(answer, RedisError):
                        log.error("the queue refused an answer", exc_info=answer)
                break
            except Unreachable:
                if self._over.is_set():
                    return
        for one in going:
            self._held.pop(one.job, None)
        self._handed_over.set()

    def _call(self, one: Result | _Returned) -> tuple[Any, ...]:
        if isinstance(one, _Returned):
            return ("give_back", self.name, one.job, int(one.blamed))
        return ("deliver", self.name, one.job, pack_result(one))

    def _beat(self) -> None:
        while not self._over.is_set():
            status = pack_status(self._status)
            try:
                gone = self._heart.run(
                    "worker_beat", self.name, self._layout.lanes, self._layout.lane, status, *list(self._held)
                )
            except Unreachable:
                continue
            if isinstance(gone, RedisError):
                log.error("the queue refused a sign of life", exc_info=gone)
            else:
                for number in gone:
                    self._held.pop(int(number), None)
            self._changed.wait(BEAT)
            self._changed.clear()
