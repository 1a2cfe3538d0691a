"""What each owner has under way by this API: how far it is, and how it is interrupted."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ...stills import Still


@dataclass(slots=True, eq=False)
class Run:
    """One request: how many images are to be made, and are made, and the turn that is under way."""

    total: int
    began: float = field(default_factory=time.time)
    done: int = 0
    interrupted: bool = False
    skipped: bool = False
    turn: "asyncio.Task[list[Still]] | None" = None

    def painted(self) -> None:
        self.done += 1

    async def take(self, turns: int, paint: Callable[[int], Awaitable[list[Still]]]) -> list[Still]:
        """What all turns gave; an interrupted one gives nothing. Cancelled, it withdraws what is under way."""
        stills: list[Still] = []
        for turn in range(turns):
            if self.interrupted:
                break
            self.turn = asyncio.ensure_future(paint(turn))
            try:
                await asyncio.wait((self.turn,))
            finally:
                self.turn.cancel()
            if not self.turn.cancelled():
                stills += self.turn.result()
        return stills

    def interrupt(self) -> None:
        """End it; what is made is answered."""
        self.interrupted = True
        self.skip()

    def skip(self) -> None:
        """End the turn that is under way, and go on to the next."""
        self.skipped = True
        if self.turn is not None:
            self.turn.cancel()


class Progress(NamedTuple):
    """Images of an owner, those that are made, and since when the first request of them waits."""

    total: int
    done: int
    runs: int
    began: float


class Runs:
    """By owner: nobody sees another's, and nobody interrupts them. Event loop only."""

    def __init__(self) -> None:
        self._runs: dict[str, list[Run]] = {}

    def begin(self, owner: str, total: int) -> Run:
        run = Run(total)
        self._runs.setdefault(owner, []).append(run)
        return run

    def end(self, owner: str, run: Run) -> None:
        self._runs[owner].remove(run)
        if not self._runs[owner]:
            del self._runs[owner]

    def interrupt(self, owner: str) -> None:
        for run in self._runs.get(owner, ()):
            run.interrupt()

    def skip(self, owner: str) -> None:
        for run in self._runs.get(owner, ()):
            run.skip()

    def progress(self, owner: str) -> Progress:
        runs = self._runs.get(owner, [])
        total, done = sum(run.total for run in runs), sum(run.done for run in runs)
        return Progress(total, done, len(runs), min((run.began for run in runs), default=0.0))


def described(progress: Progress, seconds: float) -> dict[str, Any]:
    """How far it is, as clients poll it; `seconds` are what is left. While there is something to do it is more than nothing."""
    left = progress.total - progress.done
    share = max(0.01, progress.done / progress.total) if progress.total else 0.0
    began = time.strftime("%Y%m%d%H%M%S", time.localtime(progress.began)) if progress.runs else "0"
    return {
        "progress": share,
        "eta_relative": seconds,
        "state": {
            "skipped": False,
            "interrupted": False,
            "stopping_generation": False,
            "job": "painting" if left else "",
            "job_count": left,
            "job_timestamp": began,
            "job_no": progress.done,
            "sampling_step": 0,
            "sampling_steps": 0,
        },
        "current_image": None,
        "textinfo": None,
    }
