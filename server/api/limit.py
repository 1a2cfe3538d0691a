"""A bound on what a request may send."""

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class BodyLimit:
    """Answers 413 to a body of more than `limit` bytes, read or only declared."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app, self._limit = app, limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = next((int(value) for name, value in scope["headers"] if name == b"content-length"), 0)
        taken = 0

        async def bounded() -> Message:
            nonlocal taken
            if declared <= self._limit:
                message = await receive()
                taken += len(message.get("body", b""))
            if max(declared, taken) > self._limit:
                raise HTTPException(413, f"the request is larger than {self._limit} bytes, the most taken here")
            return message

        await self._app(scope, bounded, send)
