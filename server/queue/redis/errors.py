"""What goes wrong between us and the server of the queue, and how it is said."""

import re

from redis.exceptions import (
    AskError,
    AuthenticationError,
    ClusterDownError,
    ConnectionError,
    MasterDownError,
    NoPermissionError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TimeoutError,
    TryAgainError,
)

_SECRET = re.compile(r"(?<=://)[^/@\s]*@")
_PASSING = (ReadOnlyError, MasterDownError, ClusterDownError, TryAgainError, NoScriptError, AskError)
_PASSING_CODES = re.compile(r"(?:^|-)(?:LOADING|READONLY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|NOSCRIPT|BUSY|NOREPLICAS|UNBLOCKED)\b")
"""Errors of a server that is on its way: starting, changing its master, held up by a script, one that forgot ours, or
that gives keys to another node of its cluster. In what a script failed on they stand within the text."""
OUTAGES = (ConnectionError, TimeoutError, OSError)


class QueueError(Exception):
    """The queue cannot be used as it is, and waiting will not mend that; the text says why, and what to do."""


def without_secrets(text: str) -> str:
    """The text, with neither user nor password in what looks like an address."""
    return _SECRET.sub("", text)


def passes(error: BaseException) -> bool:
    """Whether this is an outage: it goes by itself, and the same may be asked again."""
    if isinstance(error, AuthenticationError | NoPermissionError):
        return False
    if isinstance(error, ResponseError):
        return isinstance(error, _PASSING) or _PASSING_CODES.search(str(error)) is not None
    return isinstance(error, OUTAGES)


def out_of_memory(error: BaseException) -> bool:
    """Whether the server refused to grow."""
    return isinstance(error, OutOfMemoryError) or "-OOM " in str(error)


def fatal(error: BaseException) -> bool:
    """Whether asking again, or anything else, is of no use before a person has done something."""
    return isinstance(error, AuthenticationError)


def refused(error: BaseException, address: str) -> QueueError | None:
    """A server that will not have us, as an error that says so; None if it is anything else."""
    said = str(error)
    if isinstance(error, AuthenticationError | NoPermissionError) or said.startswith(("NOAUTH", "WRONGPASS", "NOPERM")):
        return QueueError(f"the queue at {address} does not let us in: {said}; see the user and password in --queue")
    return None


__all__ = ["OUTAGES", "QueueError", "RedisError", "fatal", "out_of_memory", "passes", "refused", "without_secrets"]
