"""Looks after all connections: how many there are, how long they may take over what they began, and that they end."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address
from typing import Protocol

from ..owner import owner_of
from ..types import Refusal
from .arrivals import Arrivals

Report = Callable[[Refusal, str, str | None], None]
"""Told why somebody was turned away: the reason, a text for a person, and the address of who it was."""

LOOK_SECONDS = 0.1
"""Between two looks at all connections: a limit of seconds may be overstepped by so much."""
_AT_ONCE = 32
"""When there is no room, this part of it is made at once: looking for whom to drop takes a look at everybody."""
_LEAST_READ = 1024
"""Bytes a second that a peer takes of what waits for it, or it counts as one that does not read."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a connection may take. Times are seconds."""

    connections: int = 512
    per_owner: int = 256
    new_a_second: float = 1000.0
    new_a_second_per_owner: float = 100.0
    header_seconds: float = 10.0
    message_seconds: float = 30.0
    stall_seconds: float = 10.0


class Guarded(Protocol):
    """A connection, as the guard sees it."""

    address: str | None

    def waits_since(self) -> float | None:
        """Since when it has owed us a whole request, or the end of its connection; None while it is being served."""

    def look(self, now: float) -> None:
        """Hold it to its limits."""

    def drop(self) -> None:
        """End it at once."""


class Guard:
    """Every connection from its first byte to its last. Event loop only.

    `exempt` tells of an address whether it is a proxy's: those speak for many, so that only the room of all holds for them.
    """

    def __init__(self, limits: Limits, report: Report, exempt: Callable[[str | None], bool] = lambda address: False) -> None:
        self.limits, self._report, self._exempt = limits, report, exempt
        self._owners: dict[Guarded, str] = {}
        self._counts: Counter[str] = Counter()
        self._arrivals = Arrivals(limits.new_a_second_per_owner, limits.new_a_second)
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._owners)

    def refuse(self, reason: Refusal, why: str, address: str | None) -> None:
        """Count somebody who was turned away."""
        self._report(reason, why, address)

    def speaks_for_many(self, address: str | None) -> bool:
        """Whether it is a proxy's."""
        return self._exempt(address)

    def floods(self, address: str | None) -> bool:
        """Count a connection that comes; whether it is one too many, to be cut off before anything is made of it."""
        owner = None if self._exempt(address) else owner_of(None, address)
        if (why := self._arrivals.excess(owner, _is_local(address))) is None:
            return False
        self._report(Refusal.FLOOD, why, address)
        return True

    def enter(self, connection: Guarded) -> bool:
        """Let a connection in. Where there is no room, who has owed a request the longest gives way; False if nobody does."""
        owner = owner_of(None, connection.address)
        if self._counts[owner] >= self.limits.per_owner and not self._exempt(connection.address):
            mine = [one for one, whose in self._owners.items() if whose == owner]
            why = f"{self.limits.per_owner} connections of one address (--max-connections-per-address)"
            if not self._make_room(mine, why):
                return self._no_room(connection, why)
        if len(self._owners) >= self.limits.connections:
            why = f"{self.limits.connections} connections (--max-connections)"
            if not self._make_room(self._of_the_heaviest(), why):
                return self._no_room(connection, why)
        self._owners[connection] = owner
        self._counts[owner] += 1
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(LOOK_SECONDS, self._look)
        return True

    def replace(self, old: Guarded, new: Guarded) -> None:
        """The same connection, spoken in another way from now on."""
        self._owners[new] = self._owners.pop(old, owner_of(None, new.address))

    def leave(self, connection: Guarded) -> None:
        owner = self._owners.pop(connection, None)
        if owner is None:
            return
        self._counts[owner] -= 1
        if not self._counts[owner]:
            del self._counts[owner]

    def _no_room(self, connection: Guarded, why: str) -> bool:
        self._report(Refusal.CROWDED, f"no room for another: {why}, and none of them is idle", connection.address)
        return False

    def _make_room(self, among: Iterable[Guarded], why: str) -> bool:
        waiting = [(since, one) for one in among if (since := one.waits_since()) is not None]
        waiting.sort(key=lambda pair: pair[0])
        for _, one in waiting[: max(1, len(waiting) // _AT_ONCE)]:
            self._report(Refusal.CROWDED, f"dropped while idle, for there are {why}", one.address)
            self.leave(one)
            one.drop()
        return bool(waiting)

    def _of_the_heaviest(self) -> list[Guarded]:
        """Those that owe us a request, of the owner with the most of them."""
        waiting = [one for one in self._owners if one.waits_since() is not None]
        by_owner = Counter(self._owners[one] for one in waiting)
        heaviest = by_owner.most_common(1)[0][0] if by_owner else None
        return [one for one in waiting if self._owners[one] == heaviest]

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        for connection in list(self._owners):
            connection.look(now)
        self._timer = loop.call_later(LOOK_SECONDS, self._look) if self._owners else None


@lru_cache(1024)
def _is_local(address: str | None) -> bool:
    """Whether it is this machine's own, as of whoever asks if the server is well."""
    try:
        return address is None or ip_address(address).is_loopback
    except ValueError:
        return False


class Reading:
    """Whether a peer takes what waits for it, at `_LEAST_READ` bytes a second or more."""

    def __init__(self) -> None:
        self._taken, self._since = 0, -1.0

    def stalled(self, taken: int, waiting: int, now: float, seconds: float) -> bool:
        """`taken` bytes so far, `waiting` still to be taken; whether it has not read for so many seconds."""
        if not waiting or self._since < 0:
            self._taken, self._since = taken, now
            return False
        if now - self._since < seconds:
            return False
        slow = taken - self._taken < _LEAST_READ * seconds
        self._taken, self._since = taken, now
        return slow
