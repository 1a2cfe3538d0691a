"""How many images and live sessions an owner may begin in a time, by `limits`; shared by front ends where there is a Redis.

Of each owner two numbers are kept, of this window and of the last one, whatever the rate: a list of all that was begun would
grow with what clients do.
"""

import logging
import time
from typing import TYPE_CHECKING, Any

from limits import RateLimitItem, parse
from limits.aio.storage import MemoryStorage, RedisStorage, Storage
from limits.aio.strategies import SlidingWindowCounterRateLimiter

from .keys import Keys
from .logs import Seldom, fields
from .places import COUNTS

if TYPE_CHECKING:
    from redis.asyncio import Redis

log = logging.getLogger(__name__)

_SILENT_SECONDS = 10.0
_PREFIX = f"{COUNTS}:rates"


class TooFast(Exception):
    """An owner has begun as many as it may: `seconds` until there is room again. The text says so."""

    def __init__(self, rate: str, seconds: float) -> None:
        self.seconds = max(1, round(seconds + 0.5))
        super().__init__(f"more than {rate} images and live sessions of yours; try again in {self.seconds} seconds")


class Rates:
    """Each owner's rate: its key's own, or that for anybody. `redis` None: nobody shares them. Event loop only."""

    def __init__(self, rate: str | None, keys: Keys, redis: "Redis | None" = None) -> None:
        self._rate, self._keys = rate, keys
        self._limiter = SlidingWindowCounterRateLimiter(_storage(redis))
        self._parsed: dict[str, RateLimitItem] = {}
        self._silent = Seldom(_SILENT_SECONDS)

    async def take(self, owner: str, count: int = 1) -> None:
        """Count so many that an owner begins. Raises TooFast, and counts none of them, where they are too many."""
        rate = self._keys.allowance(owner).rate or self._rate
        if rate is None:
            return
        item = self._item(rate)
        try:
            if await self._limiter.hit(item, owner, cost=count):
                return
            window = await self._limiter.get_window_stats(item, owner)
        except Exception as error:  # of whatever storage: nobody is turned away because counting does not work
            if (held := self._silent.due()) is not None:
                said = fields(why=repr(error), held_back=held or None)
                log.warning("rates cannot be counted: nobody is held to one", extra=said)
            return
        raise TooFast(rate, min(item.get_expiry(), window.reset_time - time.time()))

    def _item(self, rate: str) -> RateLimitItem:
        item = self._parsed.get(rate)
        if item is None:
            item = self._parsed[rate] = parse(rate)
        return item


def _storage(redis: "Redis | None") -> Storage:
    """In memory, or in the Redis that the front ends have in common."""
    if redis is None:
        return MemoryStorage()
    # the address is the client's; of this one only its kind counts
    options: dict[str, Any] = {"connection_pool": redis.connection_pool}
    storage = RedisStorage("async+redis://", implementation="redispy", key_prefix=_PREFIX, **options)
    bridge: Any = storage.bridge
    bridge.storage = redis  # and not another client of the same pool, which would not go where its keys are
    bridge.register_scripts()
    return storage
