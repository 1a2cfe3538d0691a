"""Work that many may ask for at once and that is done for all of them together, for a bounded share of the time."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

Made = TypeVar("Made")

_REST = 4
"""Seconds of rest for each second of work."""


class SharedWork(Generic[Made]):
    """Everybody who asks gets a result that was begun after they asked; however many ask, one is made at a time.

    After each there is a rest, of some times as long as it took, for whoever else wants the processor.
    """

    def __init__(self, make: Callable[[], Awaitable[Made]]) -> None:
        self._make = make
        self._one = asyncio.Lock()
        self._next: asyncio.Task[Made] | None = None
        self._not_before = 0.0

    async def get(self) -> Made:
        if self._next is None:
            self._next = asyncio.create_task(self._run())
        return await asyncio.shield(self._next)

    async def _run(self) -> Made:
        clock = asyncio.get_running_loop().time
        async with self._one:
            await asyncio.sleep(max(0.0, self._not_before - clock()))
            self._next = None  # who asks from now on asks for another
            began = clock()
            try:
                return await self._make()
            finally:
                self._not_before = clock() + _REST * (clock() - began)
