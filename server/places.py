"""What an owner with numbers of its own has at once, over all front ends that share a Redis; else each counts for itself.

A place is a member of a sorted set, with the time by which it is gone if nobody says that it is still taken: a front end
that dies leaves nothing taken for long. Times are Redis's own. Event loop only.
"""

import asyncio
import contextlib
import hashlib
import logging
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Literal

from .logs import Seldom, fields

if TYPE_CHECKING:
    from redis.asyncio import Redis

log = logging.getLogger(__name__)

COUNTS = "allaprima:{counts}"
"""What the keys of all counts begin with: one hash tag, so that in a cluster they are on one node, which a client goes to."""
PlaceKind = Literal["sessions", "stills"]

_LASTS = 30.0
"""Seconds for which a place is taken without another word."""
_AGAIN = 10.0
"""Seconds between two words."""
_SILENT_SECONDS = 10.0

_TAKE = """
local now = redis.call('TIME')
local milliseconds = now[1] * 1000 + math.floor(now[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', milliseconds)
local most = tonumber(ARGV[1])
if most >= 0 and redis.call('ZCARD', KEYS[1]) + #ARGV - 2 > most then return 0 end
for index = 3, #ARGV do redis.call('ZADD', KEYS[1], milliseconds + ARGV[2], ARGV[index]) end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
"""
"""Take a place for each name, if there are so many; `most` below zero: if there are or not. Those taken are taken anew."""


class NoPlace(Exception):
    """The owner has as many as it may; the text says so."""


class Places:
    """The places of all owners with numbers of their own. `redis` None: nobody shares them."""

    def __init__(self, redis: "Redis | None") -> None:
        self._redis = redis
        self._take = None if redis is None else redis.register_script(_TAKE)
        self._held: dict[str, tuple[str, ...]] = {}
        self._renewing: asyncio.Task[None] | None = None
        self._silent = Seldom(_SILENT_SECONDS)

    @asynccontextmanager
    async def taken(self, kind: PlaceKind, owner: str, most: int | None, count: int = 1) -> AsyncIterator[None]:
        """So many places of an owner's, within this. Raises NoPlace."""
        place = self.place(kind, owner, most)
        try:
            await place.take(count)
            yield
        finally:
            await place.leave()

    def place(self, kind: PlaceKind, owner: str, most: int | None) -> "Place":
        """A place to be taken; `most` None is an owner without a number of its own, whom nobody counts."""
        return Place(self, kind, owner, most)

    async def _ask(self, key: str, most: int, names: Sequence[str]) -> bool:
        """Whether these are taken now; also where that cannot be counted."""
        if self._take is None:
            return True
        try:
            done: Any = await self._take(keys=[key], args=[most, round(_LASTS * 1000), *names])
        except Exception as error:  # nobody is turned away because counting does not work
            self._say(error)
            return True
        if done and self._renewing is None:
            self._renewing = asyncio.create_task(self._renew(), name="places")
        return bool(done)

    def _say(self, error: Exception) -> None:
        if (held := self._silent.due()) is not None:
            said = fields(why=repr(error), held_back=held or None)
            log.warning("places cannot be counted over all front ends: each counts for itself", extra=said)

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(_AGAIN)
            by_key: dict[str, list[str]] = {}
            for key, names in ((place.rpartition("|")[0], names) for place, names in list(self._held.items())):
                by_key.setdefault(key, []).extend(names)
            for key, all_names in by_key.items():
                await self._ask(key, -1, all_names)

    async def _give_back(self, key: str, names: Sequence[str]) -> None:
        if self._redis is None:
            return
        try:
            await self._redis.zrem(key, *names)
        except Exception as error:  # they are gone by themselves after a while
            self._say(error)

    async def end(self) -> None:
        """Renew nothing more; what is taken is gone by itself."""
        if self._renewing is not None:
            self._renewing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._renewing


class Place:
    """One place, or several, of one owner's."""

    def __init__(self, places: Places, kind: PlaceKind, owner: str, most: int | None) -> None:
        self._places, self._kind, self._most = places, kind, most
        # what a client may choose is in no key as it is
        self._key = f"{COUNTS}:places:{kind}:{hashlib.sha256(owner.encode()).hexdigest()[:24]}"
        self._names: tuple[str, ...] = ()

    async def take(self, count: int = 1) -> None:
        """Take so many. Raises NoPlace."""
        if not await self._taken(count, self._most):
            what = "live sessions" if self._kind == "sessions" else "stills"
            raise NoPlace(f"this key may have {self._most} {what} at once, at all servers together, and has; try again later")

    async def hold(self) -> None:
        """Be counted, whether there is room or not: of one who comes back to what is its own."""
        if not self._names:
            await self._taken(1, -1)

    async def leave(self) -> None:
        """Give back what was taken. Idempotent."""
        names, self._names = self._names, ()
        if names:
            del self._places._held[f"{self._key}|{names[0]}"]
            await self._places._give_back(self._key, names)

    async def _taken(self, count: int, most: int | None) -> bool:
        if self._most is None or most is None:
            return True
        names = tuple(secrets.token_hex(8) for _ in range(count))
        if not await self._places._ask(self._key, most, names):
            return False
        self._names = names
        self._places._held[f"{self._key}|{names[0]}"] = names
        return True
