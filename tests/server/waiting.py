"""Waiting for what threads do."""

import asyncio
from collections.abc import Callable

import pytest


async def until(true: Callable[[], object], patience: float) -> None:
    """Return when it is true; the test fails if it is not within so many seconds."""
    for _ in range(int(patience / 0.002)):
        if true():
            return
        await asyncio.sleep(0.002)
    pytest.fail("it did not happen in time")
