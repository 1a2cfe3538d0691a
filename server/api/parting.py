"""The last words to a live client: bounded in bytes and in time, and read by a page too."""

import asyncio
from contextlib import suppress

from fastapi import WebSocket, WebSocketDisconnect
from starlette.types import Scope, Send

import wire

from ..transport import cut_off, refuse

LAST_CHANCE = 1.0
"""Seconds for a client to read why it is let go."""
_LONGEST_REASON = 120
"""Bytes of the reason of a close; 123 are what there is room for."""


def last_words(why: str) -> str:
    """As much of a sentence as the reason of a close has room for."""
    return why.encode()[:_LONGEST_REASON].decode(errors="ignore")


def subprotocol(scope: Scope) -> str | None:
    """Ours, if the client offers it: a browser gives up a connection that is let in without one of those that it offers."""
    return wire.SUBPROTOCOL if wire.SUBPROTOCOL in scope.get("subprotocols", []) else None


async def close(socket: WebSocket, code: int, why: str) -> None:
    """Close on a client that may not read: politely if it does after all, else without its help."""
    try:
        async with asyncio.timeout(LAST_CHANCE):
            await socket.close(code, last_words(why))
    except TimeoutError:
        cut_off(socket.scope)
    except (WebSocketDisconnect, ConnectionError):
        pass  # it is gone already


async def let_in_to_be_told(scope: Scope, send: Send, code: int, why: str) -> None:
    """Accept a live connection and close it at once: a page sees nothing of a refused handshake, but the reason of a close."""
    refuse(scope)
    try:
        async with asyncio.timeout(LAST_CHANCE):
            with suppress(OSError):  # it is gone already
                await send({"type": "websocket.accept", "subprotocol": subprotocol(scope), "headers": []})
                await send({"type": "websocket.close", "code": code, "reason": last_words(why)})
    except TimeoutError:
        cut_off(scope)
