"""Sessions in Redis: each a hash that lives as long as its client may come back, and says which front end has it."""

import asyncio
import contextlib
import hashlib
import logging
import secrets
from collections.abc import Callable, Sequence
from typing import Any

from ...session_store import Kept
from .errors import RedisError
from .layout import scripts
from .link import Link
from .messages import Unreadable, pack_kept, unpack_kept

log = logging.getLogger(__name__)

_EVERY = 1.0
"""Seconds between two times that live sessions are kept: so much of what was changed last may be lost with a front end."""
_ANSWER_WITHIN = 1.0
_ROOT = "allaprima:{sessions}"


class RedisSessions:
    """The session store in Redis. A token is in no key: who reads those cannot come back as somebody else."""

    def __init__(self, url: str, resume_seconds: float) -> None:
        self._front = secrets.token_hex(6)
        self._link = Link(url, _ROOT, scripts(("keep_session", "take_session")))
        self._milliseconds = round(1000 * (resume_seconds + _EVERY))
        self._tasks: list[asyncio.Task[None]] = []

    def open(self, live: Callable[[], Sequence[Kept]], taken: Callable[[str], None]) -> None:
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._link.work()), loop.create_task(self._keep(live, taken))]

    async def take(self, token: str) -> Kept | None:
        if not self._link.connected:
            return None
        try:
            async with asyncio.timeout(_ANSWER_WITHIN):
                found = await self._run("take_session", token, self._front)
            return None if found is None else unpack_kept(found)
        except (TimeoutError, RedisError):
            return None
        except Unreadable as error:
            log.warning("a session that was kept cannot be read: %s", error)
            return None

    async def end(self) -> None:
        left = set(self._tasks)
        while left:
            for task in left:
                task.cancel()
            _, left = await asyncio.wait(left, timeout=_ANSWER_WITHIN)
        await self._link.close()

    async def _keep(self, live: Callable[[], Sequence[Kept]], taken: Callable[[str], None]) -> None:
        while True:
            await asyncio.sleep(_EVERY)
            with contextlib.suppress(TimeoutError, RedisError):
                async with asyncio.timeout(_ANSWER_WITHIN):
                    await self._keep_all(live(), taken)

    async def _keep_all(self, live: Sequence[Kept], taken: Callable[[str], None]) -> None:
        kept = [self._run("keep_session", one.token, self._front, pack_kept(one), self._milliseconds) for one in live]
        for one, answer in zip(live, await asyncio.gather(*kept), strict=True):
            if answer == 0:
                taken(one.token)

    def _run(self, script: str, token: str, *arguments: Any) -> "asyncio.Future[Any]":
        digest = hashlib.sha256(token.encode(errors="replace")).hexdigest()[:32]
        return self._link.run(script, *arguments, root=f"{_ROOT}:{digest}")
