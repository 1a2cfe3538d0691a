"""The ASGI app: routes over a server, and the page."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Response
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles

from . import __version__
from .api import errors, live, models, openai, operations
from .api.limit import BodyLimit
from .api.request_id import RequestId
from .server import Server

PAGE = Path(__file__).parent.parent / "clients" / "web"


_FRESH = {"Cache-Control": "no-cache"}
"""Ask before using a stored copy: an upgrade must not leave a browser with old and new modules mixed."""


class _PageFiles(StaticFiles):
    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers.update(_FRESH)
        return response


_LAST_TICK = 0.5
"""Seconds for a tick that nobody waits for any more."""


def make_app(server: Server) -> FastAPI:
    """The app; its lifespan starts the server's workers and shuts the server."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        server.start()
        try:
            yield
        finally:
            await asyncio.to_thread(server.shut, _LAST_TICK)

    app = FastAPI(title="Allaprima", version=__version__, lifespan=lifespan, redoc_url=None)
    errors.install(app, server.metrics)
    app.add_middleware(BodyLimit, limit=server.settings.max_message)
    app.add_middleware(RequestId)  # the last one is outermost
    for part in (operations, models, openai, live):
        app.include_router(part.routes(server))

    @app.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(PAGE / "index.html", headers=_FRESH)

    app.mount("/web", _PageFiles(directory=PAGE), name="web")
    return app
