"""Where pictures that were asked for by address are fetched: whoever knows the name has it, with a key or without."""

from collections.abc import Sequence

from fastapi import APIRouter, Request, Response

from ..server import Server
from .described import also
from .doors import door
from .errors import ApiError

_PLACE = "/v1/images/files"
_KINDS = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"}
_LONGEST_NAME = 64


def keep(request: Request, server: Server, owner: str, images: Sequence[bytes], image_format: str) -> list[str] | None:
    """Keep pictures; the addresses they are fetched from, or None where there is no room for them."""
    names = server.files.put(owner, images, image_format, _KINDS[image_format])
    base = f"{str(request.base_url).rstrip('/')}{_PLACE}"
    return None if names is None else [f"{base}/{name}" for name in names]


def routes(server: Server) -> APIRouter:
    router = APIRouter()

    @router.get(_PLACE + "/{name}", response_class=Response, responses=also(*_KINDS.values()))
    @door(key=False)
    async def file(name: str) -> Response:
        """A picture that was made a while ago."""
        kept = server.files.get(name) if len(name) <= _LONGEST_NAME else None
        if kept is None:
            why = f"no such file; pictures are kept for {server.settings.file_seconds:g} s"
            raise ApiError(404, why, "not_found")
        return Response(kept.data, media_type=kept.kind, headers={"Cache-Control": "private, max-age=3600"})

    return router
