"""A mailbox of capacity one: the newest wins."""

import asyncio
from typing import Generic, TypeVar

T = TypeVar("T")


class Mailbox(Generic[T]):
    """Holds at most one item. For one taker on one event loop."""

    def __init__(self) -> None:
        self._item: T | None = None
        self._filled = asyncio.Event()

    def put(self, item: T) -> T | None:
        """Leave an item; what it pushed out, if anything, is returned and is the caller's to answer for."""
        pushed, self._item = self._item, item
        self._filled.set()
        return pushed

    async def take(self) -> T:
        """Wait for an item and take it."""
        await self._filled.wait()
        self._filled.clear()
        item, self._item = self._item, None
        assert item is not None, "take() must have one caller"
        return item
