"""Requests of one owner at a pace: whoever asks without pause waits a little each time, and others are served meanwhile."""

import asyncio
from collections import OrderedDict

from starlette.types import ASGIApp, Receive, Scope, Send

from ..owner import owner_of
from ..transport.bucket import Bucket

RATE, BURST = 100.0, 200.0
"""Requests a second, and at once, that do not wait."""
_MOST_WAIT = 0.1
"""Seconds that a request waits: one connection asks ten times a second, then, however much it sends ahead."""
_MOST_OWNERS = 1024


class Pace:
    """Holds requests back whose owner has asked too often. Nobody is refused, and nothing is parsed or answered meanwhile."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            bucket = self._bucket(scope)
            if bucket.wait():
                await asyncio.sleep(_MOST_WAIT)
            else:
                bucket.take()
        await self._app(scope, receive, send)

    def _bucket(self, scope: Scope) -> Bucket:
        client = scope.get("client")
        owner = owner_of(None, client[0] if client else None)
        bucket = self._buckets.get(owner)
        if bucket is None:
            bucket = self._buckets[owner] = Bucket(RATE, BURST)
            if len(self._buckets) > _MOST_OWNERS:
                self._buckets.popitem(last=False)
        return bucket
