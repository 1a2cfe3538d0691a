"""Stills, whatever the API that asks for them: judged, admitted, painted, and withdrawn when who asked stops waiting."""

import asyncio
import math
import secrets
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import NamedTuple

from engines.student import Student

from .judge import Ask, Unfit, judge
from .keys import Keys
from .metrics import Metrics
from .places import NoPlace, Places
from .queue import QueueFull
from .rates import Rates, TooFast
from .served import Served
from .session import next_job_id
from .settings import Settings
from .types import Job, Looks, Outcome, Prompt, Result
from .upscaling import no_upscaler

_STARTING = 2.0
"""Seconds after which to look again at a server that is not ready."""
_LONGEST_WAIT = 60
"""Seconds, at most, that somebody is told to wait: what is measured now says little of later."""


class Refused(Exception):
    """Stills that are not painted: a code for a program, a text for a person, what of the asking, and when to try again."""

    def __init__(self, code: str, message: str, param: str | None = None, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.param = code, message, param
        self.retry_after = None if retry_after is None else min(_LONGEST_WAIT, max(1, math.ceil(retry_after)))


@dataclass(frozen=True, slots=True)
class Asked:
    """So many stills of one prompt, with seeds that follow each other from `seed`; None is any. See `Job` for the others."""

    api: str
    owner: str
    ask: Ask
    prompt: Prompt
    count: int = 1
    seed: int | None = None
    most_steps: int | None = None
    image: bytes | None = None
    looks: Looks = ()
    repaint: bool = True
    mask: bytes | None = None
    mask_paints: str = "white"
    mask_blur: float = 0.0
    format: str = "png"
    quality: int = 90
    request: str = ""
    trace: str = ""

    def of_seed(self, seed: int | None) -> "Asked":
        """The same with another seed."""
        return replace(self, seed=seed)


class Still(NamedTuple):
    """One that was painted."""

    seed: int
    result: Result


class Stills:
    """The room that all stills of a server share: a bound for all, and one for each owner. Event loop only."""

    def __init__(self, settings: Settings, metrics: Metrics, keys: Keys, rates: Rates, places: Places) -> None:
        self._settings, self._keys, self._rates, self._places = settings, keys, rates, places
        self._taken: Counter[str] = Counter()
        metrics.stills.set_function(lambda: self.taken)
        metrics.stills_limit.set(settings.max_waiting)

    @property
    def taken(self) -> int:
        """Stills that were admitted and have no answer yet."""
        return self._taken.total()

    async def paint(self, served: Served, asked: Asked, painted: Callable[[], None] = lambda: None) -> list[Still]:
        """The stills, in order; `painted` is told of each. Cancelled, it withdraws them.

        Raises Unfit, and Refused if one of them is not painted.
        """
        asked = _seen(asked, served.student)
        scales = _scales(served, asked.ask)
        judge(asked.ask, served.student, self._settings.max_prompt, self._settings.sizes == "resize", scales)
        if (why := served.not_ready()) is not None:
            raise Refused("not_ready", why, retry_after=_STARTING)
        try:
            await self._rates.take(asked.owner, asked.count)
        except TooFast as error:
            served.metrics.outcome(Outcome.REFUSED)
            raise Refused("rate_limit_exceeded", str(error), retry_after=error.seconds) from None
        with self._room(served, asked):
            jobs = self._jobs(asked, served)
            try:
                async with self._places.taken("stills", asked.owner, self._keys.allowance(asked.owner).stills, asked.count):
                    results = await _all(jobs, served, painted)
            except NoPlace as error:
                served.metrics.outcome(Outcome.REFUSED)
                retry = self.seconds(asked.count, served, asked)
                raise Refused("server_busy", str(error), retry_after=retry) from None
        for result in results:
            self._check(result, served)
        return [Still(job.seed, result) for job, result in zip(jobs, results, strict=True)]

    @contextmanager
    def _room(self, served: Served, asked: Asked) -> Iterator[None]:
        """Take room for what is asked, and give it back."""
        try:
            self._admit(served, asked)
            self._taken[asked.owner] += asked.count
            try:
                yield
            finally:
                self._taken[asked.owner] -= asked.count
                if not self._taken[asked.owner]:
                    del self._taken[asked.owner]
        except QueueFull as error:
            served.metrics.outcome(Outcome.REFUSED)
            raise Refused("server_busy", f"{error}; try again in a second", retry_after=1.0) from None

    def _admit(self, served: Served, asked: Asked) -> None:
        own, limit = self._keys.allowance(asked.owner).stills, self._settings.max_waiting
        own_limit = self._settings.waiting_per_owner() if own is None else min(own, limit)
        if asked.count > own_limit:
            raise Refused("too_many", f"{asked.count} images at once; the most taken here is {own_limit}", "n")
        mine = "of yours " if self._taken[asked.owner] + asked.count > own_limit else ""
        over = max(self._taken[asked.owner] + asked.count - own_limit, self.taken + asked.count - limit)
        if over > 0:
            served.metrics.outcome(Outcome.REFUSED)
            refused = Refused(
                "server_busy", f"too many images {mine}are waiting", retry_after=self.seconds(over, served, asked)
            )
            refused.message += f"; try again in {refused.retry_after} s"
            raise refused

    def seconds(self, stills: int, served: Served, like: Asked | None = None) -> float:
        """In how many seconds so many stills are painted, and made as much larger as such are, by what was measured of ticks
        and of that, and the share that stills have."""
        status = served.status()
        each = served.student.longest_job * status.row_seconds + status.upscales.get(like.ask.upscale if like else 1, 0.0)
        live = served.queue.in_flight() > self.taken
        return stills * each / (self._settings.stills_share if live else 1.0)

    def _jobs(self, asked: Asked, served: Served) -> list[Job]:
        """One job an image."""
        now = time.monotonic()
        size = asked.ask.pixels()
        if size == tuple(side * asked.ask.upscale for side in (served.student.width, served.student.height)):
            size = None
        seed = secrets.randbits(32) if asked.seed is None else asked.seed
        return [
            Job(
                id=next_job_id(),
                owner=asked.owner,
                api=asked.api,
                prompt=asked.prompt,
                seed=(seed + index) % 2**32,
                created=now,
                deadline=now + self._settings.still_deadline,
                image=asked.image,
                looks=asked.looks,
                repaint=asked.repaint,
                mask=asked.mask,
                mask_paints=asked.mask_paints,
                mask_blur=asked.mask_blur,
                strength=1.0 if asked.ask.strength is None else asked.ask.strength,
                guidance=asked.ask.guidance,
                most_steps=asked.most_steps,
                format=asked.format,
                quality=asked.quality,
                size=size,
                upscale=asked.ask.upscale,
                request=asked.request,
                trace=asked.trace,
            )
            for index in range(asked.count)
        ]

    def _check(self, result: Result, served: Served) -> None:
        if result.outcome is Outcome.DROPPED_LATE:
            why = f"not painted within {self._settings.still_deadline:g} s; the server is overloaded, try again later"
            raise Refused("timeout", why, retry_after=self.seconds(self.taken, served))
        if result.outcome is not Outcome.IMAGE:
            raise Refused(result.code, result.message)


def _scales(served: Served, ask: Ask) -> Collection[int] | None:
    """How many times larger pictures can be made now; None where nobody knows yet. Raises Refused where none can."""
    status = served.status()
    if ask.upscale != 1 and served.student.upscaler is not None and status.no_upscale:
        raise Refused("no_upscaler", no_upscaler(served.student, status.no_upscale), "upscale")
    return status.upscales if status.ready else None


def _seen(asked: Asked, student: Student) -> Asked:
    """The same with what is to be judged of its picture. One that its student cannot repaint is shown to the first of its
    eyes, where it has any, and strength is how much that counts; of one that takes the picture itself, its eye makes that.
    Raises Unfit if there is nothing to be shown."""
    if asked.looks and asked.image is None:
        raise Unfit("eyes", "an eye is shown a picture: send one with it")
    eye = student.eye
    if eye and asked.image is not None and asked.repaint and not any(name == eye.name for name, *_ in asked.looks):
        asked = replace(asked, looks=((eye.name, 1.0, ()), *asked.looks))
    if asked.image is not None and not student.img2img and student.controls:
        share = 1.0 if asked.ask.strength is None else asked.ask.strength
        first = student.controls[0]
        looks = asked.looks or ((first.name, share * first.scale, ()),)
        asked = replace(asked, ask=replace(asked.ask, strength=None), looks=looks, repaint=False)
    return replace(asked, ask=replace(asked.ask, masked=asked.mask is not None, looks=asked.looks))


async def _all(jobs: list[Job], served: Served, painted: Callable[[], None]) -> list[Result]:
    """The results of all; if one cannot be queued the others are withdrawn."""

    async def one(job: Job) -> Result:
        result = await served.queue.submit(job)
        painted()
        return result

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(job)) for job in jobs]
    except BaseExceptionGroup as failed:
        raise failed.exceptions[0] from None
    return [task.result() for task in tasks]
