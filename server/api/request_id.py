"""A name for every request: the client's own, where it has a decent one, or ours. It comes back in the answer."""

import re
import secrets

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER = "X-Request-Id"
_DECENT = re.compile(r"[A-Za-z0-9._~+/=:-]{1,128}")
"""It goes into logs and headers as it is."""
_KEY = "request_id"


def request_id(connection: HTTPConnection) -> str:
    """The name of this request."""
    return str(connection.scope["state"][_KEY])


class RequestId:
    """Names requests, and says the name in each answer's headers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        shown = Headers(scope=scope).get(HEADER, "")
        name = shown if _DECENT.fullmatch(shown) else f"req-{secrets.token_hex(12)}"
        # in the scope itself, where whoever answers for an error outside of this middleware sees it too
        scope.setdefault("state", {})[_KEY] = name

        async def named(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[HEADER] = name
            await send(message)

        await self._app(scope, receive, named if scope["type"] == "http" else send)
