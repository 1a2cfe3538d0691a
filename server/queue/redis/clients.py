"""Clients of Redis that go where their keys are: a node of a cluster says which other one has them, and they ask that one.

What one client asks for has one hash tag, so that it is all on one node. Where that is not to be reached, they are back at the
address that was named: another node may have taken its place, and whichever answers there says which.
"""

from typing import Any, cast
from urllib.parse import urlsplit

import redis
import redis.asyncio
from redis.exceptions import MovedError

from .errors import OUTAGES, QueueError, without_secrets

_HOPS = 5
"""Times that a command is sent on before it is an outage: nodes may not agree for a moment."""


def at(url: str, host: str, port: int) -> str:
    """The address with the same of everything but for the host and the port. Raises QueueError if it has none."""
    parts = urlsplit(url)
    if parts.scheme not in ("redis", "rediss"):
        raise QueueError(
            f"the queue at {without_secrets(url)} is a node of a cluster, and what we need of it is on another one, "
            f"{host}:{port}: name the cluster by redis://HOST:PORT"
        )
    user, at_sign, _ = parts.netloc.rpartition("@")
    host = f"[{host}]" if ":" in host else host
    return parts._replace(netloc=f"{user}{at_sign}{host}:{port}").geturl()


class _Way:
    """From the address that was named to where the keys are. `options` are a client's, beside its address."""

    def __init__(self, url: str, options: dict[str, Any]) -> None:
        self.named, self.options, self.now = url, options, url

    def follow(self, moved: MovedError) -> None:
        """Raises QueueError."""
        # without a host it is the same one
        host = moved.host or urlsplit(self.now).hostname or ""
        self.now = at(self.named, host, moved.port)

    def back(self) -> bool:
        """Whether that is another address than before."""
        before, self.now = self.now, self.named
        return before != self.now


class AskingClient(redis.asyncio.Redis):
    """For the event loop. Pipelines follow nothing: whoever makes them asks for a key before."""

    way: _Way

    @classmethod
    def of(cls, url: str, options: dict[str, Any]) -> "AskingClient":
        client = cast(AskingClient, cls.from_url(url, **options))
        client.way = _Way(url, options)
        return client

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        for _ in range(_HOPS):
            try:
                return await super().execute_command(*args, **options)  # type: ignore[no-untyped-call]
            except MovedError as moved:
                self.way.follow(moved)
                await self._go()
            except OUTAGES:
                if self.way.back():
                    await self._go()
                raise
        return await super().execute_command(*args, **options)  # type: ignore[no-untyped-call]

    async def _go(self) -> None:
        before = self.connection_pool
        self.connection_pool = redis.asyncio.ConnectionPool.from_url(self.way.now, **self.way.options)
        await before.disconnect(inuse_connections=False)


class BlockingClient(redis.Redis):
    """For a thread of its own, likewise."""

    way: _Way

    @classmethod
    def of(cls, url: str, options: dict[str, Any]) -> "BlockingClient":
        client = cast(BlockingClient, cls.from_url(url, **options))
        client.way = _Way(url, options)
        return client

    def execute_command(self, *args: Any, **options: Any) -> Any:
        for _ in range(_HOPS):
            try:
                return super().execute_command(*args, **options)  # type: ignore[no-untyped-call]
            except MovedError as moved:
                self.way.follow(moved)
                self._go()
            except OUTAGES:
                if self.way.back():
                    self._go()
                raise
        return super().execute_command(*args, **options)  # type: ignore[no-untyped-call]

    def _go(self) -> None:
        before = self.connection_pool
        self.connection_pool = redis.ConnectionPool.from_url(self.way.now, **self.way.options)
        before.disconnect(inuse_connections=False)
