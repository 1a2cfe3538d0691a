"""What goes wrong between us and the server of the queue, and how it is said."""

import re

from redis.exceptions import (
    AuthenticationError,
    ConnectionError,
    NoPermissionError,
    RedisError,
    ResponseError,
    TimeoutError,
)

_SECRET = re.compile(r"(?<=://)[^/@\s]*@")
_PASSING = ("LOADING", "READONLY", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "BUSY", "NOREPLICAS", "UNBLOCKED")
"""Errors of a server that is on its way: starting, changing its master, held up by somebody's script."""
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
        return str(error).startswith(_PASSING)
    return isinstance(error, OUTAGES)


def refused(error: BaseException, address: str) -> QueueError | None:
    """A server that will not have us, as an error that says so; None if it is anything else."""
    said = str(error)
    if isinstance(error, AuthenticationError | NoPermissionError) or said.startswith(("NOAUTH", "WRONGPASS", "NOPERM")):
        return QueueError(f"the queue at {address} does not let us in: {said}; see the user and password in --queue")
    return None


__all__ = ["OUTAGES", "QueueError", "RedisError", "ResponseError", "passes", "refused", "without_secrets"]
