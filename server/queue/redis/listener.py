"""A front end's ear: answers, as they come, by a connection of its own."""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Any

from .connecting import FIRST_PAUSE, LONGEST_PAUSE, asking
from .errors import OUTAGES, RedisError
from .layout import SILENT

log = logging.getLogger(__name__)

_OPEN = 2.0
"""Seconds for which one question for answers stays open."""
_MOST = 64
_FIRST = "0-0"


class Listener:
    """Reads one stream of answers; `take` is given each entry. `listening` while it would hear one at once."""

    def __init__(self, url: str, stream: str, take: Callable[[dict[bytes, bytes]], None]) -> None:
        self._url, self._stream, self._take = url, stream, take
        self.listening = False

    async def run(self) -> None:
        """Read until cancelled."""
        pause, client = FIRST_PAUSE, asking(self._url, _OPEN + SILENT)
        try:
            while True:
                try:
                    await self._read(client)
                except (RedisError, *OUTAGES):  # which the link tells of
                    pass
                except Exception:  # or nobody would hear an answer again
                    log.exception("answers cannot be read")
                self.listening = False
                await client.connection_pool.disconnect()
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
        finally:
            with contextlib.suppress(RedisError, *OUTAGES):
                await client.aclose()

    async def _read(self, client: Any) -> None:
        """Entries, from the first that is there: what was read before is gone, or is nobody's any more."""
        last = _FIRST
        await client.exists(self._stream)  # of a cluster only the node that has it answers
        self.listening = True
        while True:
            pipeline = client.pipeline(transaction=False)
            if last != _FIRST:
                milliseconds, _, number = last.partition("-")
                pipeline.xtrim(self._stream, minid=f"{milliseconds}-{int(number) + 1}", approximate=False)
            pipeline.xread({self._stream: last}, count=_MOST, block=round(1000 * _OPEN))
            found = (await pipeline.execute())[-1]
            for _, entries in found or ():
                for number, values in entries:
                    last = number.decode()
                    self._take(values)
