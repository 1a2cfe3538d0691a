"""Queues that are shared with other processes, as the settings name them."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from engines.student import Student

from .lane import lane_of
from .settings import Settings, SettingsError
from .types import Job, Result

_COUNT_WITHIN = 1.0
"""Seconds for an answer about a count, which somebody waits for."""

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from .queue.redis import QueueError, RedisFrontQueue, RedisSessions, RedisWorkerQueue
    from .queue.redis.layout import Layout


def front_queue(
    settings: Settings,
    student: Student,
    capacity: int,
    unpainted: Callable[[Job, Result], None],
    on_fatal: Callable[[], None],
) -> "RedisFrontQueue":
    """A front end's side of a student's queue. Raises SettingsError."""
    url, layout = _where(settings, student)
    from .queue.redis import RedisFrontQueue

    return RedisFrontQueue(url, layout, capacity, unpainted, on_fatal)


def worker_queue(settings: Settings, student: Student, on_fatal: "Callable[[QueueError], None]") -> "RedisWorkerQueue":
    """A worker's side of a student's queue. Raises SettingsError."""
    url, layout = _where(settings, student)
    from .queue.redis import RedisWorkerQueue

    return RedisWorkerQueue(url, layout, on_fatal)


def session_store(settings: Settings) -> "RedisSessions | None":
    """Where front ends keep their sessions; None where nobody may come back. Raises SettingsError."""
    if not settings.resume_seconds:
        return None
    url = _address(settings)
    from .queue.redis import RedisSessions

    return RedisSessions(url, settings.resume_seconds)


def shared_counts(settings: Settings) -> "Redis | None":
    """Where front ends count together what owners have and begin; None where each counts for itself. Raises SettingsError."""
    if settings.queue is None:
        return None
    url = _address(settings)
    from .queue.redis.connecting import asking

    return asking(url, _COUNT_WITHIN)


def _address(settings: Settings) -> str:
    """The queue's, which can be used. Raises SettingsError."""
    if settings.queue is None:
        raise SettingsError("--queue: name the queue between front ends and workers, as redis://HOST:PORT")
    try:
        from .queue.redis.connecting import check_address
    except ImportError as error:
        raise SettingsError(f"--queue needs its extra: pip install 'allaprima[redis]' ({error})") from error
    try:
        return check_address(settings.queue)
    except ValueError as error:
        raise SettingsError(f"--queue: {error}") from error


def _where(settings: Settings, student: Student) -> "tuple[str, Layout]":
    url = _address(settings)
    from .queue.redis.layout import Layout
    from .queue.redis.messages import VERSION

    return url, Layout(student.name, lane_of(student, settings.choices(), VERSION))
