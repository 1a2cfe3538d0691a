"""The REST routes' door: a key, where keys are wanted."""

from collections.abc import Awaitable, Callable

from fastapi import Request
from starlette.requests import HTTPConnection

from ..auth import bearer, bearer_subprotocol, complaint
from ..owner import owner_of
from ..server import Server
from .errors import ApiError


def keyed(server: Server) -> Callable[[Request], Awaitable[None]]:
    """A dependency that refuses requests without one of the server's keys."""

    async def check(request: Request) -> None:
        why = complaint(server.settings.api_keys, bearer(request.headers.get("authorization")))
        if why is not None:
            raise ApiError(401, why, "invalid_api_key")

    return check


def key_shown(connection: HTTPConnection) -> str | None:
    """The key that a client shows: in a header, or as a browser must, among its subprotocols."""
    offered = connection.scope.get("subprotocols", [])
    return bearer_subprotocol(offered) or bearer(connection.headers.get("authorization"))


def owner(connection: HTTPConnection, server: Server) -> str:
    """Who a connection is for, whose key has been found right."""
    key = key_shown(connection) if server.settings.api_keys else None
    return owner_of(key, connection.client.host if connection.client else None)
