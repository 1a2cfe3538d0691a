"""The front end's side of a queue in Redis."""

import asyncio
import contextlib
import logging
import secrets
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ...logs import Sparing
from ...status import Fleet
from ...types import Job, JobKind, Outcome, Result
from ..answering import late, shut_out
from ..base import QueueFull
from .errors import RedisError, out_of_memory
from .layout import BEAT, MOST_BYTES, SILENT_LIVE, Layout, scripts
from .link import Link
from .listener import Listener
from .lookout import HELD, NOWHERE, WAITS, Lookout, Surroundings
from .messages import Unreadable, job_bytes, pack_job, unpack_result

log = logging.getLogger(__name__)

_MISSED = 2
"""Looks at which a job is nowhere until it is lost: at the first its answer may be on its way."""
_SET_ASIDE = 2
"""What is said of a job that comes after its series was set aside."""
_VERDICTS = {
    ("set_aside", JobKind.STILL): "two workers failed while they had this image in their hands, so it was set aside; another "
    "picture or prompt may do",
    ("set_aside", JobKind.LIVE): "two workers failed while they had frames of this stream in their hands, so it is set aside: "
    "frames are painted again when its params change, or in a new session",
} | {("too_large", kind): f"the queue takes {MOST_BYTES >> 20} MiB of a job at most; send smaller pictures" for kind in JobKind}


@dataclass(slots=True, eq=False)
class _Open:
    """A job that is not answered yet."""

    job: Job
    answer: "asyncio.Future[Result]"
    submitting: "asyncio.Future[Any] | None" = None
    place: int = WAITS
    missed: int = 0

    @property
    def arrived(self) -> bool:
        """Whether Redis has it."""
        return self.submitting is not None and self.submitting.done()


class RedisFrontQueue:
    """Jobs to any number of workers, and their answers. Event loop only, but for `close`.

    `unpainted` is told of each job that is answered without a worker. `fleet` is what is known of those who paint.
    """

    in_process = False

    def __init__(
        self,
        url: str,
        layout: Layout,
        capacity: int,
        unpainted: Callable[[Job, Result], None] = lambda job, result: None,
        on_fatal: Callable[[], None] = lambda: None,
    ) -> None:
        self._layout, self._capacity, self._unpainted, self._on_fatal = layout, capacity, unpainted, on_fatal
        self.name = f"front-{secrets.token_hex(6)}"
        self._link = Link(url, layout.root, scripts(("submit", "withdraw", "front_beat", "front_leave")))
        self._open: dict[int, _Open] = {}
        self._lines = Sparing(log, each=1)
        self._live: Counter[str] = Counter()
        self._closed = False
        self._lookout = Lookout(self._link, layout, self.name)
        self._listener = Listener(url, layout.answers(self.name), self._take_answer)
        self._tasks: list[asyncio.Task[None]] = []
        self._loop: asyncio.AbstractEventLoop | None = None

    # its life ----------------------------------------------------------------------------------------------------

    def open(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._tasks = [self._loop.create_task(part) for part in (self._work(), self._listener.run(), self._look())]

    async def _work(self) -> None:
        await self._link.work()
        log.error("%s", self._link.why)
        self._on_fatal()

    def close(self) -> None:
        self._closed = True
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._shut_out_all)

    def _shut_out_all(self) -> None:
        for one in list(self._open.values()):
            if one.place != HELD:
                self._loop_task(self._shut_out_one(one))

    async def _shut_out_one(self, one: _Open) -> None:
        if not self._link.connected or await self._withdrawn(one, only_waiting=True):
            self._answer_here(one, shut_out(one.job))

    async def end(self) -> None:
        for one in list(self._open.values()):
            self._answer_here(one, shut_out(one.job))
        if self._link.connected:
            with contextlib.suppress(TimeoutError, RedisError):
                async with asyncio.timeout(BEAT):
                    await self._link.run("front_leave", self.name)
        left = set(self._tasks)
        while left:
            for task in left:
                task.cancel()
            _, left = await asyncio.wait(left, timeout=BEAT)  # a connection that is being made swallows it once
        await self._link.close()

    # jobs --------------------------------------------------------------------------------------------------------

    async def submit(self, job: Job) -> Result:
        if self._closed:
            result = shut_out(job)
            self._unpainted(job, result)
            return result
        if len(self._open) >= self._capacity:
            raise QueueFull("too many images are waiting")
        if job_bytes(job) > MOST_BYTES:
            result = _verdict(job, "too_large")
            self._unpainted(job, result)
            return result
        loop = asyncio.get_running_loop()
        one = self._open[job.id] = _Open(job, loop.create_future())
        live = job.kind is JobKind.LIVE
        if live:
            self._live[job.owner] += 1
        self._send(one)
        expiry = loop.call_later(job.deadline - time.monotonic(), self._expire, one)
        try:
            return await one.answer
        finally:
            expiry.cancel()
            self._open.pop(job.id, None)
            if live:
                self._uncount(job.owner)
            if not one.answer.done() or one.answer.cancelled():
                self._withdraw(one)

    def _uncount(self, owner: str) -> None:
        self._live[owner] -= 1
        if not self._live[owner]:
            del self._live[owner]

    def _send(self, one: _Open) -> None:
        job, now = one.job, time.monotonic()
        age, left = (max(0, round(1000 * seconds)) for seconds in (now - job.created, job.deadline - now))
        one.place, one.missed = WAITS, 0
        one.submitting = self._link.run(
            "submit", job.kind.value, job.id, job.owner, job.series or job.id, self.name, age, left, pack_job(job)
        )
        one.submitting.add_done_callback(lambda sent: self._submitted(one, sent))

    def _submitted(self, one: _Open, sent: "asyncio.Future[Any]") -> None:
        if sent.cancelled() or one.answer.done():
            return
        if (error := sent.exception()) is None:
            if sent.result() == _SET_ASIDE:
                self._answer_here(one, _verdict(one.job, "set_aside"))
            return
        if out_of_memory(error):
            one.answer.set_exception(QueueFull("the queue's memory is full"))
            return
        log.error("the queue refused a job", exc_info=error)
        self._answer_here(one, Result(one.job.id, Outcome.FAILED, code="queue_error", message=f"the queue refused it: {error}"))

    def _withdraw(self, one: _Open) -> None:
        """Nobody waits for it any more."""
        if one.submitting is not None and not one.arrived:
            one.submitting.cancel()  # it may have been sent all the same
        withdrawing = self._link.run("withdraw", one.job.id, 0)
        withdrawing.add_done_callback(lambda done: self._left(one, done))

    def _left(self, one: _Open, done: "asyncio.Future[Any]") -> None:
        if not done.cancelled() and done.exception() is None and done.result() == WAITS:
            self._unpainted(one.job, late(one.job))

    async def _withdrawn(self, one: _Open, only_waiting: bool) -> bool:
        """Take a job back, and whether it was still ours to answer: no worker has it. True, too, if nobody can say."""
        try:
            async with asyncio.timeout(SILENT_LIVE):
                return bool(await self._link.run("withdraw", one.job.id, int(only_waiting)) == WAITS)
        except (TimeoutError, RedisError):
            return True

    def _expire(self, one: _Open) -> None:
        self._loop_task(self._answer_late(one))

    async def _answer_late(self, one: _Open) -> None:
        """Its deadline has passed: unless a worker has it, that is its answer."""
        if not one.arrived and one.submitting is not None:
            one.submitting.cancel()
        if not self._link.connected or await self._withdrawn(one, only_waiting=True):
            self._answer_here(one, late(one.job))

    def _loop_task(self, part: Any) -> None:
        task = asyncio.get_running_loop().create_task(part)
        self._tasks.append(task)
        task.add_done_callback(self._tasks.remove)

    def _answer_here(self, one: _Open, result: Result) -> None:
        """The answer to a job that no worker gave one."""
        if not one.answer.done():
            if result.code == "set_aside":
                said = {"request": one.job.request, "api": one.job.api, "code": result.code, "why": result.message}
                self._lines.say(logging.WARNING, "a job failed", f"failed {result.code}", one.job.owner, **said)
            self._unpainted(one.job, result)
            one.answer.set_result(result)

    # counts ------------------------------------------------------------------------------------------------------

    def waiting(self) -> int:
        return sum(one.place == WAITS for one in self._open.values())

    def in_flight(self) -> int:
        return len(self._open)

    def has_room(self, owner: str, pipeline: int) -> bool:
        around = self.around
        owners = max(1, len(self._live) + around.others_owners)
        return self._live.total() + around.others_live < pipeline or self._live.get(owner, 0) < pipeline // owners

    @property
    def around(self) -> Surroundings:
        """What was seen at the last look around."""
        return self._lookout.around

    @property
    def reachable(self) -> bool:
        return self._link.connected

    def fleet(self) -> Fleet:
        """Those who paint."""
        lost = "" if self._link.fatal is None else str(self._link.fatal)
        return Fleet(self._layout.student, self.around.statuses, self._why(), lost)

    def _why(self) -> str:
        """Why nobody can paint, where it is not a worker's fault; empty where it is, or where somebody can."""
        if not self._link.connected:
            return self._link.why
        others = [lane for lane in self.around.lanes if lane != self._layout.lane]
        if others and not self.around.statuses:
            return (
                f"the workers of {self._layout.student} are of another version or build ({', '.join(others)}) than this "
                f"front end ({self._layout.lane}): give both the same version, student, size, LoRA and VAE"
            )
        return ""

    # what comes back --------------------------------------------------------------------------------------------

    def _take_answer(self, values: dict[bytes, bytes]) -> None:
        try:
            one = self._open.get(int(values[b"i"]))
            verdict = values.get(b"v", b"").decode()
            if one is None:
                return
            if verdict:
                self._answer_here(one, _verdict(one.job, verdict))
            elif not one.answer.done():
                one.answer.set_result(unpack_result(values[b"r"]))
        except (KeyError, ValueError, Unreadable) as error:
            log.warning("an answer in the queue could not be read: %s", error)

    async def _look(self) -> None:
        """Give signs of life, and see who paints and where our jobs are, until cancelled."""
        while True:
            asked = [one for one in self._open.values() if one.arrived]
            try:
                places = await self._lookout.look(self._live.total(), len(self._live), [one.job for one in asked])
                for one, place in zip(asked, places, strict=True):
                    self._found(one, place)
            except TimeoutError:
                self._cannot_see()
            except Exception:
                log.exception("the queue cannot be seen")
                self._cannot_see()
            await asyncio.sleep(BEAT)

    def _found(self, one: _Open, place: int) -> None:
        one.place = place
        one.missed = one.missed + 1 if place == NOWHERE and self._listener.listening else 0
        if one.missed >= _MISSED and not one.answer.done():
            self._lost(one)

    def _lost(self, one: _Open) -> None:
        """Redis does not have it any more: it was restarted, emptied, or is short of memory."""
        if one.job.kind is JobKind.STILL and one.job.deadline > time.monotonic() and not self._closed:
            log.warning("the queue lost an image: it is queued again")
            self._send(one)
        else:
            self._answer_here(one, late(one.job))

    def _cannot_see(self) -> None:
        """Nobody can say where our jobs are: those whose time is over are answered."""
        for one in list(self._open.values()):
            if one.job.deadline < time.monotonic():
                self._answer_here(one, late(one.job))


def _verdict(job: Job, verdict: str) -> Result:
    if (said := _VERDICTS.get((verdict, job.kind))) is not None:
        return Result(job.id, Outcome.FAILED, code=verdict, message=said)
    return late(job)
