"""Turning somebody away: counted, and said in the log, once for each request or connection."""

import logging
from typing import Any

from .logs import fields
from .metrics import Metrics
from .types import Refusal

log = logging.getLogger(__name__)

_LONGEST = 200
"""Characters of what may be a client's own words."""


def turn_away(metrics: Metrics, reason: Refusal, why: str, *, api: str, where: str, **more: Any) -> None:
    """Count a refusal and log it. `where` is a path; `more` is whatever else names the client."""
    metrics.refused(reason)
    log.info("refused", extra=fields(reason=reason.value, api=api, where=where[:_LONGEST], why=why[:_LONGEST], **more))
