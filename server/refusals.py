"""Turning somebody away: counted, and said in the log, once for each request or connection."""

import logging
from typing import Any
from weakref import WeakKeyDictionary

from .logs import Sparing
from .metrics import Metrics
from .owner import owner_of
from .types import Refusal

log = logging.getLogger(__name__)

_LONGEST = 200
"""Characters of what may be a client's own words."""


_lines: WeakKeyDictionary[Metrics, Sparing] = WeakKeyDictionary()
"""By server: a process may hold several, one after the other."""


def turn_away(
    metrics: Metrics, reason: Refusal, why: str, *, api: str, where: str, owner: str | None = None, **more: Any
) -> None:
    """Count a refusal and log it, unless who is refused has had many lines for that reason.

    `where` is a path; `owner` is who it is, where not whoever has the address; `more` is whatever else names the client, its
    address as `client`.
    """
    metrics.refused(reason)
    said = {"reason": reason.value, "api": api, "where": where[:_LONGEST], "why": why[:_LONGEST], **more}
    lines = _lines.setdefault(metrics, Sparing(log))
    lines.info("refused", f"refused {reason.value}", owner or owner_of(None, more.get("client")), **said)
