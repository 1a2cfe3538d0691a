"""Which key a client shows, and so who it is."""

from collections.abc import Sequence

from starlette.requests import HTTPConnection

from ..auth import bearer_subprotocol, complaint, key_in
from ..owner import owner_of
from ..server import Server


def key_shown(connection: HTTPConnection) -> str | None:
    """The key that a client shows: in a header, or as a browser must, among its subprotocols."""
    offered = connection.scope.get("subprotocols", [])
    return bearer_subprotocol(offered) or key_in(connection.headers.get("authorization"))


def owner(connection: HTTPConnection, server: Server) -> str:
    """Who a connection is for, whose key has been found right."""
    key = key_shown(connection) if server.settings.api_keys else None
    return owner_of(key, connection.client.host if connection.client else None)


def known_owner(connection: HTTPConnection, keys: Sequence[str]) -> str:
    """Who a connection is for, whose key may be wrong: then its address is."""
    shown = key_shown(connection) if keys else None
    key = shown if complaint(keys, shown) is None else None
    return owner_of(key, connection.client.host if connection.client else None)
