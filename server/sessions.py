"""All live sessions: admission, coming back, a place to wait for those whose connection dropped, and one line on each end."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from .connection_counts import ConnectionCounts
from .energy import Ledger
from .logs import Sparing, fields
from .metrics import Metrics
from .session import Session
from .session_store import Kept, SessionStore
from .settings import Settings
from .types import Ending

log = logging.getLogger(__name__)

PARKED_PER_LIVE = 4
"""Sessions that wait to be resumed, for each that may be live: a bound for clients that come and go in a loop."""
_HANDING_OVER = 2.0
"""Seconds for a connection to give its session up to another."""


class Full(Exception):
    """No room for another session; the text says when to try again."""


async def _freely() -> None:
    """Nothing is against a new session."""


class Sessions:
    """At most so many sessions at once, of all and of one owner; a dropped one keeps its params for `resume_seconds`.

    `own` says how many an owner may have whose number is its own.
    """

    def __init__(
        self,
        settings: Settings,
        metrics: Metrics,
        ledger: Ledger,
        clock: Callable[[], float] = time.monotonic,
        store: SessionStore | None = None,
        own: Callable[[str], int | None] = lambda owner: None,
    ) -> None:
        self._limit, self._owner_limit = settings.max_sessions, settings.sessions_per_owner()
        self._resume_seconds, self._clock, self._own = settings.resume_seconds, clock, own
        self._metrics, self._ledger, self._store = metrics, ledger, store
        self._lines = Sparing(log, each=30, of_all=120)
        self._live: dict[str, Session] = {}
        self._parked: dict[str, tuple[float, Session]] = {}
        self._watched: dict[str, Session] = {}
        metrics.sessions.set_function(lambda: len(self))
        metrics.sessions_limit.set(settings.max_sessions)

    def __len__(self) -> int:
        return len(self._live)

    def open(self) -> None:
        """Begin to tell other front ends what is here, where there are any. On the event loop."""
        if self._store is not None:
            self._store.open(lambda: [session.kept() for session in self._live.values()], self._taken)

    async def end(self) -> None:
        if self._store is not None:
            await self._store.end()

    def _taken(self, token: str) -> None:
        """Another front end has this session now: the connection that is in it here is a dead one, or soon will be."""
        if (session := self._live.get(token)) is not None:
            session.given_up.set()

    async def enter(
        self,
        owner: str,
        resume: str | None,
        make: Callable[[], Session],
        student: str | None = None,
        revive: Callable[[Kept], Session | None] = lambda kept: None,
        begin: Callable[[], Awaitable[None]] = _freely,
    ) -> Session:
        """The session to resume if it is still there, and of the student asked for if any; else a new one. Raises Full.

        `resume` is a session's token. Whoever shows it has the session, if another connection is in it, too: that one may be a
        dead one, as when a telephone changes its network. The session is from now on the owner's. `revive` makes a session of
        what another front end left of it; None if this one cannot. `begin` is asked before a new one is made, and raises what
        is against that.
        """
        self._expire()
        if resume and self._resume_seconds:
            await self._take_over(resume, student)
            await self._fetch(resume, revive)
        if self._coming_back(resume, student) is None:
            await begin()
        self._admit(owner)
        session = self._coming_back(resume, student)
        if session is not None:
            del self._parked[session.token]
        else:
            session = make()
            self._watched[session.watch] = session
        self._live[session.token] = session
        session.owner = owner
        session.counts = ConnectionCounts(self._clock())
        session.given_up.clear()
        session.left.clear()
        self._ledger.enter(session.name)
        return session

    def _coming_back(self, token: str | None, student: str | None) -> Session | None:
        """The session that waits for who shows this token, if it is of the student asked for, if any."""
        _, session = self._parked.get(token or "", (0.0, None))
        return session if session is not None and student in (None, session.student.name) else None

    async def _fetch(self, token: str, revive: Callable[[Kept], Session | None]) -> None:
        """Park what other front ends know of this session, if they know more of it than is known here."""
        kept = None if self._store is None else await self._store.take(token)
        parked = self._parked.get(token)
        if kept is None or kept.token != token or token in self._live or (parked and parked[1].rev >= kept.rev):
            return
        if (session := revive(kept)) is not None:
            if parked:
                self._forget(parked[1])
            self._watched[session.watch] = session
            self._parked[token] = (self._clock() + self._resume_seconds, session)

    def watched(self, token: str) -> Session | None:
        """The session that this token lets watch, while it is there: with somebody in it, or waiting for them to come back."""
        self._expire()
        return self._watched.get(token)

    def end_watching(self) -> None:
        """The server stops: nobody watches any more. For a session, that is over only when its connection is."""
        for session in self._watched.values():
            session.feed.close()
        self._watched.clear()

    def _forget(self, session: Session) -> None:
        """The session is over."""
        self._watched.pop(session.watch, None)
        session.feed.close()

    def _admit(self, owner: str) -> None:
        if len(self._live) >= self._limit:
            raise Full(f"the server is full ({self._limit} live sessions); try again in 10 seconds")
        own = self._own(owner)
        most = self._owner_limit if own is None else own
        if sum(session.owner == owner for session in self._live.values()) >= most:
            raise Full(f"one user may have {most} live sessions, and you have; try again in 10 seconds")

    async def _take_over(self, token: str, student: str | None) -> None:
        """Have the connection that is in this session, if any, leave it."""
        session = self._live.get(token)
        if session is None or student not in (None, session.student.name):
            return
        session.given_up.set()
        try:
            async with asyncio.timeout(_HANDING_OVER):
                await session.left.wait()
        except TimeoutError:
            log.warning("a connection did not give up its session", extra=fields(session=session.name))

    def leave(self, session: Session, how: Ending) -> dict[str, Any]:
        """The connection is gone; the session waits a while for another. What is logged of the connection."""
        now = self._clock()
        del self._live[session.token]
        session.send = lambda message: None
        session.feed.pause()
        if self._resume_seconds:
            self._parked[session.token] = (now + self._resume_seconds, session)
        else:
            self._forget(session)
        self._expire()
        session.left.set()
        self._metrics.session_ended(how)
        said = {"session": session.name, "student": session.student.name, "reason": how.value, **session.counts.fields(now)}
        if (spent := self._ledger.leave(session.name)) is not None:
            said |= {"joules": round(spent.joules, 3), "meter": spent.meter}
        elif session.counts.meter:  # burnt by workers elsewhere, who sent word with each image
            said |= {"joules": round(session.counts.joules, 3), "meter": session.counts.meter}
        self._lines.info("session ended", "session ended", session.owner, **said)
        return said

    def _expire(self) -> None:
        now = self._clock()
        for token in [token for token, (until, _) in self._parked.items() if until <= now]:
            self._forget(self._parked.pop(token)[1])
        while len(self._parked) > PARKED_PER_LIVE * self._limit:
            # who has most makes room: one who comes and goes in a loop pushes out nobody else's
            [(most, _)] = Counter(session.owner for _, session in self._parked.values()).most_common(1)
            token = next(token for token, (_, session) in self._parked.items() if session.owner == most)
            self._forget(self._parked.pop(token)[1])
