"""One student at work, seen from the front: its queue, its status, and its sessions' way to them."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from engines.errors import EngineError
from engines.student import Student
from engines.tokens import Tokens

from .metrics import StudentMetrics
from .queue import FrontQueue
from .session import Session
from .settings import Settings
from .shared import Shared
from .status import Outlook

_TICKS_OF_PATIENCE = 3
"""A frame is worth painting as long as no more than so many times its own ticks pass before it is begun."""

_TICKS_AHEAD = 2
"""A session has its second job as long as fewer live ones are in flight than fill so many ticks: one runs, one is next."""


@dataclass(frozen=True, slots=True)
class Served:
    """A student, and everything of its own. Who paints, and where, it does not know: `status` is what is known of that."""

    student: Student
    queue: FrontQueue
    status: Callable[[], Outlook]
    metrics: StudentMetrics
    make_session: Callable[[str], Session]
    """A new session of an owner."""

    def not_ready(self) -> str | None:
        """Why it cannot paint now, or None if it can."""
        return self.status().not_ready()


_MOST_WORDS, _LONGEST_WORD = 16, 40


def unknown_words(student: Student) -> Callable[[Sequence[str]], list[str]]:
    """What says which words of texts the student does not know; none, where its tokenizers are not here or spell words out."""
    try:
        tokens = Tokens(student)
    except EngineError:  # they come with the graphs, which may be on another machine, or still to be built
        return lambda texts: []

    def unknown(texts: Sequence[str]) -> list[str]:
        words = dict.fromkeys(word[:_LONGEST_WORD] for text in texts for word in tokens.unknown(text))
        return list(words)[:_MOST_WORDS]

    return unknown


def serve_student(
    student: Student,
    queue: FrontQueue,
    status: Callable[[], Outlook],
    settings: Settings,
    shared: Shared,
    clock: Callable[[], float] = time.monotonic,
) -> Served:
    """Wire one student's front."""
    metrics = shared.metrics.of(student.name)
    front = shared.tracer.jobs(queue, student.name)

    unknown = unknown_words(student)

    def make_session(owner: str) -> Session:
        return Session(
            student=student,
            owner=owner,
            queue=front,
            pool=shared.pool,
            metrics=metrics,
            room=lambda owner: queue.has_room(owner, _TICKS_AHEAD * status().largest),
            max_prompt=settings.max_prompt,
            patience=lambda steps: max(settings.frame_deadline, _TICKS_OF_PATIENCE * steps * status().tick_seconds),
            idle=lambda: queue.in_flight() == 0,
            paints_here=queue.in_process,
            scales=lambda: status().upscales if status().ready else None,
            unknown=unknown,
            clock=clock,
        )

    return Served(student, front, status, metrics, make_session)
