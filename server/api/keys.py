"""The REST routes' door: a key, where keys are wanted."""

from collections.abc import Awaitable, Callable

from fastapi import Request

from ..auth import bearer, complaint
from ..server import Server
from .errors import ApiError


def keyed(server: Server) -> Callable[[Request], Awaitable[None]]:
    """A dependency that refuses requests without one of the server's keys."""

    async def check(request: Request) -> None:
        why = complaint(server.settings.api_keys, bearer(request.headers.get("authorization")))
        if why is not None:
            raise ApiError(401, why, "invalid_api_key")

    return check
