"""Which key a client shows, and so who it is."""

from starlette.requests import HTTPConnection

from ..auth import bearer_subprotocol, key_in
from ..keys import Keys
from ..owner import owner_of
from ..server import Server


def key_shown(connection: HTTPConnection) -> str | None:
    """The key that a client shows: in a header, or as a browser must, among its subprotocols."""
    offered = connection.scope.get("subprotocols", [])
    return bearer_subprotocol(offered) or key_in(connection.headers.get("authorization"))


def owner(connection: HTTPConnection, server: Server) -> str:
    """Who a connection is for, whose key has been found right."""
    return known_owner(connection, server.keys)


def known_owner(connection: HTTPConnection, keys: Keys, shown: str | None = None) -> str:
    """Who a connection is for, whose key may be wrong, or not be wanted: then its address is. `shown`: a key from elsewhere."""
    whose = keys.owner(shown or key_shown(connection)) if keys else None
    return whose or owner_of(None, connection.client.host if connection.client else None)
