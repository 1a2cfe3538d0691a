"""What a live session shows to those who watch it: its newest image, and none of the older ones. Event loop only."""

import asyncio
from collections.abc import Awaitable, Callable

_JPEG = b"\xff\xd8"


class FeedClosed(Exception):
    """The session is over: there is nothing more to be seen."""


class Feed:
    """The newest image of one session. Who is slow finds a newer one when it comes back, and holds up nobody."""

    def __init__(self) -> None:
        self.newest = b""
        self.number = 0
        """How many were shown so far; 0 is none."""
        self._over = False
        self._converted: tuple[int, asyncio.Future[bytes]] | None = None
        self._news = asyncio.Event()

    def show(self, image: bytes) -> None:
        """There is a newer image, encoded."""
        self.newest, self.number = image, self.number + 1
        self._tell()

    def pause(self) -> None:
        """The session has nobody in it just now: its image is not kept."""
        self.newest = b""

    def close(self) -> None:
        """The session is over. Idempotent."""
        self._over = True
        self.newest = b""
        self._tell()

    async def until_newer(self, seen: int, patience: float) -> bool:
        """Wait until there is an image after number `seen`; False if there is none in so many seconds. Raises FeedClosed."""
        try:
            async with asyncio.timeout(patience):
                while not self._over and (self.number == seen or not self.newest):
                    await self._news.wait()
        except TimeoutError:
            return False
        if self._over:
            raise FeedClosed
        return True

    async def jpeg(self, convert: Callable[[bytes], Awaitable[bytes]]) -> bytes:
        """The newest image as JPEG, which few sessions have to be asked for anew: `convert` is run once for all who watch."""
        if self.newest.startswith(_JPEG):
            return self.newest
        if self._converted is None or self._converted[0] != self.number:
            self._converted = (self.number, asyncio.ensure_future(convert(self.newest)))
        return await asyncio.shield(self._converted[1])

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()
