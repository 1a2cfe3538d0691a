"""The parts of one server, put together: what the routes are given."""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from engines.student import Student

from .metrics import Metrics
from .served import MakeEngine, Served, serve_student
from .sessions import Sessions
from .settings import Settings
from .turns import Turns

CODEC_THREADS = 2


@dataclass(frozen=True, slots=True)
class House:
    """One server's parts. `students` has the default one first; `shut` is called last."""

    settings: Settings
    students: Mapping[str, Served]
    metrics: Metrics
    pool: ThreadPoolExecutor
    sessions: Sessions
    started: float

    def served(self, name: str | None) -> Served | None:
        """The student of that name, or the first if none is named; None if it is not served here."""
        return next(iter(self.students.values())) if name is None else self.students.get(name)

    def names(self) -> str:
        return ", ".join(self.students)

    def not_ready(self) -> str | None:
        """Why not every student can paint now, or None if all can."""
        return next((why for served in self.students.values() if (why := served.not_ready()) is not None), None)

    def error(self) -> str:
        """Why the server had to stop; empty if it had not."""
        return next((served.worker.error for served in self.students.values() if served.worker.error), "")

    def start(self) -> None:
        for served in self.students.values():
            served.worker.start()

    def shut(self) -> None:
        for served in self.students.values():
            served.queue.close()
        for served in self.students.values():
            served.worker.stop()
        self.pool.shutdown()


def build_house(
    settings: Settings, students: Sequence[tuple[Student, MakeEngine]], on_failed: Callable[[], None] = lambda: None
) -> House:
    """Wire the parts. Nothing runs yet: `start` begins."""
    metrics = Metrics()
    pool = ThreadPoolExecutor(CODEC_THREADS, thread_name_prefix="codec")
    turns = Turns()
    served = {
        student.name: serve_student(student, make, settings, settings.sizes_for(student), metrics, pool, turns, on_failed)
        for student, make in students
    }
    sessions = Sessions(settings.max_sessions, settings.resume_seconds, metrics)
    metrics.jobs_waiting.set_function(lambda: sum(one.waiting() for one in served.values()))
    metrics.jobs_in_flight.set_function(lambda: sum(one.queue.in_flight() for one in served.values()))
    return House(settings, served, metrics, pool, sessions, time.time())
