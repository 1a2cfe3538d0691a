"""Pictures kept for who fetches them by their address: for a time, up to so many bytes, under names that nobody guesses."""

import asyncio
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

_NAME_BYTES = 24


@dataclass(frozen=True, slots=True)
class Kept:
    """A picture, whose it is, and until when it is kept."""

    data: bytes
    kind: str
    owner: str
    until: float


class Files:
    """In memory: they go when their time is over. Where there is no room, the oldest of who has most goes first.

    `seconds` that each is kept, `most_bytes` of all. Event loop only.
    """

    def __init__(self, seconds: float, most_bytes: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._most, self._clock = seconds, most_bytes, clock
        self._kept: OrderedDict[str, Kept] = OrderedDict()  # the oldest first
        self._bytes: dict[str, int] = {}
        self._expiry: asyncio.TimerHandle | None = None

    @property
    def size(self) -> int:
        return sum(self._bytes.values())

    def put(self, owner: str, pictures: Sequence[bytes], suffix: str, kind: str) -> list[str] | None:
        """Keep pictures; their names, or None where they have no room even alone."""
        need = sum(map(len, pictures))
        if need > self._most:
            return None
        while self.size + need > self._most:
            most = max(self._bytes, key=self._bytes.__getitem__)
            self._drop(next(name for name, kept in self._kept.items() if kept.owner == most))
        return [self._keep(owner, picture, suffix, kind) for picture in pictures]

    def _keep(self, owner: str, data: bytes, suffix: str, kind: str) -> str:
        name = f"{secrets.token_urlsafe(_NAME_BYTES)}.{suffix}"
        self._kept[name] = Kept(data, kind, owner, self._clock() + self._seconds)
        self._bytes[owner] = self._bytes.get(owner, 0) + len(data)
        self._await_expiry()
        return name

    def get(self, name: str) -> Kept | None:
        """The picture of that name; None if it is not here, or not any more."""
        self._expire()
        return self._kept.get(name)

    def _drop(self, name: str) -> None:
        kept = self._kept.pop(name)
        self._bytes[kept.owner] -= len(kept.data)
        if not self._bytes[kept.owner]:
            del self._bytes[kept.owner]

    def _expire(self) -> None:
        now = self._clock()
        while self._kept and (name := next(iter(self._kept))) and self._kept[name].until <= now:
            self._drop(name)

    def _await_expiry(self) -> None:
        """What nobody comes for goes, too, when its time is over."""
        if self._expiry is None and self._kept:
            wait = next(iter(self._kept.values())).until - self._clock()
            self._expiry = asyncio.get_running_loop().call_later(max(0.0, wait), self._expired)

    def _expired(self) -> None:
        self._expiry = None
        self._expire()
        self._await_expiry()
