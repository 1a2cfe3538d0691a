"""All live sessions: admission, a place to wait for those whose connection dropped, and one line on each connection's end."""

import logging
import time
from collections.abc import Callable
from typing import Any

from .energy import Ledger
from .logs import fields
from .metrics import Metrics
from .session import Session
from .tally import Tally
from .types import Ending

log = logging.getLogger(__name__)

PARKED_PER_LIVE = 4
"""Sessions that wait to be resumed, for each that may be live: a bound for clients that come and go in a loop."""


class Full(Exception):
    """No room for another session; the text says when to try again."""


class Sessions:
    """At most `limit` sessions at once; a dropped one keeps its params for `resume_seconds`."""

    def __init__(
        self,
        limit: int,
        resume_seconds: float,
        metrics: Metrics,
        ledger: Ledger,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit, self._resume_seconds, self._clock = limit, resume_seconds, clock
        self._metrics, self._ledger = metrics, ledger
        self._live: dict[str, Session] = {}
        self._parked: dict[str, tuple[float, Session]] = {}

    def __len__(self) -> int:
        return len(self._live)

    def enter(self, owner: str, resume: str | None, make: Callable[[], Session], student: str | None = None) -> Session:
        """The session to resume if it is still there, and of the student asked for if any; else a new one. Raises Full.

        `resume` is a session's token; the session is from now on the owner's.
        """
        self._expire()
        if len(self._live) >= self._limit:
            raise Full(f"the server is full ({self._limit} live sessions); try again in 10 seconds")
        parked = self._parked.get(resume) if resume else None
        if parked and student in (None, parked[1].student.name):
            session = parked[1]
            del self._parked[session.token]
        else:
            session = make()
        self._live[session.token] = session
        session.owner = owner
        session.tally = Tally(self._clock())
        self._ledger.enter(session.name)
        return session

    def leave(self, session: Session, how: Ending) -> dict[str, Any]:
        """The connection is gone; the session waits a while for another. What is logged of the connection."""
        now = self._clock()
        del self._live[session.token]
        session.send = lambda message: None
        if self._resume_seconds:
            self._parked[session.token] = (now + self._resume_seconds, session)
        self._expire()
        self._metrics.session_ended(how)
        said = {"session": session.name, "student": session.student.name, "reason": how.value, **session.tally.fields(now)}
        if (spent := self._ledger.leave(session.name)) is not None:
            said |= {"joules": round(spent.joules, 3), "meter": spent.meter}
        log.info("session ended", extra=fields(**said))
        return said

    def _expire(self) -> None:
        now = self._clock()
        for name in [name for name, (until, _) in self._parked.items() if until <= now]:
            del self._parked[name]
        while len(self._parked) > PARKED_PER_LIVE * self._limit:
            del self._parked[next(iter(self._parked))]
