"""Traces: spans of sessions, jobs and ticks, for whoever follows one image through. Off, nothing is made and nothing costs.

A job is a trace of its own, under the span of the request that asked for it where that brought one, else linked with its
session's: a session of an hour would be a trace of a hundred thousand spans. A tick is a child of the first of its jobs that is
traced, and linked with the others.
"""

import re
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, Self

from .queue import FrontQueue
from .types import Job

_TRACEPARENT = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


class Span(Protocol):
    """What goes on, while it does."""

    @property
    def trace(self) -> str:
        """W3C's `traceparent` of this span; empty where nobody traces."""
        ...

    def say(self, **attributes: Any) -> None:
        """Note what is known of it. None is left out."""
        ...


class Tracer(Protocol):
    """Makes spans. Any thread."""

    def session(self) -> AbstractContextManager[Span]:
        """One live connection."""
        ...

    def tick(self, student: str, jobs: Sequence[Job]) -> AbstractContextManager[Span]:
        """One pass of the engine over rows of these jobs."""
        ...

    def jobs(self, queue: FrontQueue, student: str) -> FrontQueue:
        """The same queue, with a span for each job submitted."""
        ...

    def shut(self, patience: float = 5.0) -> None:
        """Send what was not sent yet, in `patience` seconds at most, of which five are ever taken. Idempotent."""
        ...


class _Nothing:
    """A span that nobody sees, of a tracer that does nothing."""

    trace = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def say(self, **attributes: Any) -> None:
        pass

    def session(self) -> "_Nothing":
        return self

    def tick(self, student: str, jobs: Sequence[Job]) -> "_Nothing":
        return self

    def jobs(self, queue: FrontQueue, student: str) -> FrontQueue:
        return queue

    def shut(self, patience: float = 5.0) -> None:
        pass


NOTHING = _Nothing()
NO_TRACER: Tracer = NOTHING


def known_trace(traceparent: str | None) -> str:
    """A client's `traceparent` header if it is one, else nothing."""
    return traceparent if traceparent and _TRACEPARENT.fullmatch(traceparent) else ""
