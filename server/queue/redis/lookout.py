"""What a front end knows of what goes on around it: who paints, how many others ask, how long jobs wait, how the server is."""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ...status import NOBODY, Status, Statuses
from ...types import Job, JobKind
from .layout import SILENT_LIVE, Layout
from .link import Link
from .messages import Unreadable, unpack_status

log = logging.getLogger(__name__)

NOWHERE, WAITS, HELD = 0, 1, 2
"""Where a job is: not in Redis, in its line, in a worker's hands."""
_WEIGHING = 5.0
"""Seconds between two looks at the server's memory."""
_KEEPS = "noeviction"
"""Redis' name for refusing what is new, rather than throwing away what is old."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a front end was told at its last look around. Seconds; `lags` is how long the oldest has waited, by kind."""

    statuses: Statuses = NOBODY
    others_live: int = 0
    others_owners: int = 0
    lags: Mapping[JobKind, float] = field(default_factory=lambda: dict.fromkeys(JobKind, 0.0))
    lanes: tuple[str, ...] = ()
    answer_seconds: float = 0.0
    memory: int = 0
    memory_limit: int = 0

    @property
    def workers(self) -> int:
        """Those that are ready."""
        return sum(status.ready for status in self.statuses)


class Lookout:
    """Gives a front end's signs of life, and looks around meanwhile: `around` is what it saw last."""

    def __init__(self, link: Link, layout: Layout, front: str) -> None:
        self._link, self._layout, self._front = link, layout, front
        self.around = Surroundings()
        self._seen: dict[str, tuple[Status, float]] = {}
        self._weigh_at, self._warned = 0.0, False

    async def look(self, live: int, owners: int, jobs: Sequence[Job]) -> list[int]:
        """Where each of these jobs is. `live` frames of so many `owners` are in flight here.

        Raises TimeoutError, RedisError, and what comes of an answer that is none.
        """
        asked = [part for job in jobs for part in (job.kind.value, job.id)]
        began = time.perf_counter()
        async with asyncio.timeout(SILENT_LIVE):
            said = await self._link.run("front_beat", self._front, self._layout.lanes, live, owners, *asked)
        seconds = time.perf_counter() - began
        places, present, others_live, others_owners, (live_lag, still_lag), lanes = said
        lags = {JobKind.LIVE: max(0.0, live_lag / 1000), JobKind.STILL: max(0.0, still_lag / 1000)}
        self.around = replace(
            self.around,
            statuses=self._statuses(present),
            others_live=int(others_live),
            others_owners=int(others_owners),
            lags=lags,
            lanes=tuple(lane.decode(errors="replace") for lane in lanes),
            answer_seconds=seconds,
        )
        await self._weigh()
        return list(map(int, places))

    def _statuses(self, present: Sequence[Any]) -> Statuses:
        """Of workers that were heard of lately."""
        now, workers = time.monotonic(), dict[str, tuple[Status, float]]()
        for at in range(0, len(present), 3):
            name, silence, status = present[at].decode(errors="replace"), present[at + 1] / 1000, present[at + 2]
            if silence > SILENT_LIVE:
                continue
            try:
                workers[name] = unpack_status(status), now
            except Unreadable as error:
                log.warning("what worker %s says of itself cannot be read: %s", name, error)
        # a server that was restarted knows nobody for a moment
        kept = {name: seen for name, seen in self._seen.items() if now - seen[1] <= SILENT_LIVE and not present}
        self._seen = kept | workers
        return Statuses(status for status, _ in self._seen.values())

    async def _weigh(self) -> None:
        """See how much memory the server has, once in a while."""
        if (now := time.monotonic()) < self._weigh_at:
            return
        self._weigh_at = now + _WEIGHING
        async with asyncio.timeout(SILENT_LIVE):
            said = await self._link.command("INFO", "memory")
        memory, limit = int(said.get("used_memory", 0)), int(said.get("maxmemory", 0))
        self.around = replace(self.around, memory=memory, memory_limit=limit)
        policy = said.get("maxmemory_policy", _KEEPS)
        if limit and policy != _KEEPS and not self._warned:
            self._warned = True
            what = "the queue's server throws jobs away when its memory is full: set maxmemory-policy %s, not %s"
            log.warning(what, _KEEPS, policy)
