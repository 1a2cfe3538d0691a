"""uvicorn's WebSocket protocol, with a way to let go of a client that does not read."""

from collections.abc import MutableMapping
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

_EXTENSION = "allaprima.cut_off"


class StreamProtocol(WebSocketsSansIOProtocol):
    """A close waits for what was sent before it, and so for ever where the client reads nothing; `cut_off` does not."""

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if self.response.status_code == 101:
            extensions: dict[str, Any] = {**(self.scope["extensions"] or {}), _EXTENSION: {"abort": self.transport.abort}}
            self.scope["extensions"] = extensions


def cut_off(scope: MutableMapping[str, Any]) -> None:
    """Drop the connection of this scope, and what was still to be sent on it."""
    if (way := scope.get("extensions", {}).get(_EXTENSION)) is not None:
        way["abort"]()
