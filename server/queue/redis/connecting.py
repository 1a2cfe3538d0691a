"""Connections to the server of a queue: how they are made, what the server must be, and how trouble is told once."""

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import redis
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

from .clients import AskingClient, BlockingClient
from .errors import QueueError, without_secrets
from .layout import Script

log = logging.getLogger(__name__)

OLDEST = (6, 2)
CONNECT_SECONDS = 1.0
ANSWER_SECONDS = 2.0
"""Seconds for an answer that nothing holds up, before the connection is given up."""
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 1.0
"""Seconds until an unreachable server is tried again; each time twice as long."""

_SCHEMES = ("redis://", "rediss://", "unix://")


def check_address(url: str) -> str:
    """The URL, if it can be one. Raises ValueError."""
    if not url.startswith(_SCHEMES):
        raise ValueError("a queue is redis://HOST:PORT, rediss:// with TLS, or unix:///PATH")
    redis.ConnectionPool.from_url(url)
    return url


def _options(answer_seconds: float) -> dict[str, Any]:
    return {
        "socket_connect_timeout": CONNECT_SECONDS,
        "socket_timeout": answer_seconds,
        "socket_keepalive": True,
        "protocol": 2,  # what 6.2 and Valkey agree on, and no greeting that an old one would not know
        "driver_info": None,
    }


def asking(url: str, answer_seconds: float = ANSWER_SECONDS) -> AskingClient:
    """A client for the event loop. Whoever has it says himself when to try again."""
    return AskingClient.of(url, {"retry": AsyncRetry(NoBackoff(), 0), **_options(answer_seconds)})


def blocking(url: str, answer_seconds: float = ANSWER_SECONDS) -> BlockingClient:
    """A client for a thread of its own."""
    return BlockingClient.of(url, {"retry": Retry(NoBackoff(), 0), **_options(answer_seconds)})


def check_server(info: Mapping[str, Any]) -> None:
    """Raises QueueError if the server is too old."""
    said = str(info.get("redis_version", "0"))
    version = tuple(int(part) for part in said.split(".")[:2] if part.isdigit())
    if version < OLDEST:
        raise QueueError(f"the queue's server is Redis {said}; it must be {'.'.join(map(str, OLDEST))} or newer, or Valkey")


def loading(scripts: Iterable[Script]) -> list[tuple[str, str, str]]:
    """Commands after which the server knows these scripts."""
    return [("SCRIPT", "LOAD", script.text) for script in scripts]


class Trouble:
    """Tells of an outage once, and once that it is over; the log, with the address, but without user and password.

    `why` is for whoever asks: it says nothing of where the server is.
    """

    def __init__(self, url: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.address, self._clock = without_secrets(url).partition("?")[0], clock  # a query may hold a password, too
        self._since: float | None = None
        self.why = ""

    def begins(self, error: BaseException) -> None:
        """The server cannot be used now."""
        if self._since is None:
            self._since = self._clock()
            said = without_secrets(str(error)) or type(error).__name__
            self.why = "the queue between front ends and workers cannot be reached; the log says why"
            log.warning("the queue at %s cannot be reached: %s; trying again", self.address, said)

    def ends(self) -> None:
        """It can be used."""
        if self._since is not None:
            log.warning("the queue at %s is back after %.1f s", self.address, self._clock() - self._since)
            self._since, self.why = None, ""
