"""The ASGI app: routes over a server, and the page."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI, Response
from fastapi.middleware.cors import CORSMiddleware
from fastapi.staticfiles import StaticFiles

from . import __version__
from .api import a1111, described, documents, errors, fal, files, live, models, openai, operations, watch
from .api.doors import Door, Doors, door
from .api.gate import Gate, Names
from .api.headers import PAGE as PAGE_POLICY
from .api.headers import POLICY, SafeHeaders
from .api.pace import Pace
from .api.request_id import HEADER, RequestId
from .keys import Keys
from .server import Server
from .settings import Settings
from .worker_server import WorkerServer

CLIENTS = Path(__file__).parent.parent / "clients"
PAGE = CLIENTS / "web"
MODULE = CLIENTS / "javascript" / "src"
"""The client for JavaScript, which the page uses, and pages of others may."""


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
    settings = server.settings

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.openapi()  # takes some tens of milliseconds, once
        server.start()
        try:
            yield
        finally:
            await asyncio.to_thread(server.shut, _LAST_TICK)
            await server.end()

    app = FastAPI(
        title="Allaprima",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        responses=described.errors(described.OpenAiError),
    )
    caught, doors = errors.Errors(server.metrics, server.keys), Doors()
    errors.install(app, caught, doors.methods)
    for router in (
        *(part.routes(server) for part in (operations, models, openai, a1111, a1111.controlnet, fal, files, watch, live)),
        *(part.routes(server, prefix="") for part in (models, openai)),
        documents.routes(settings),
        _page(settings),
    ):
        doors.add(router)
        app.include_router(router)
    doors.know(str(app.openapi_url), ("GET",), Door(key="docs" not in settings.public))
    app.mount("/docs/files", documents.files(), name="documents")
    app.mount("/web", _PageFiles(directory=PAGE), name="web")
    app.mount("/client", _PageFiles(directory=MODULE), name="client")
    _guard(app, settings, server.keys, doors, caught)
    return app


def make_worker_app(server: WorkerServer) -> FastAPI:
    """The app of a worker: for whoever runs it, and for nobody else. Its lifespan starts the workers and shuts them."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        server.start()
        try:
            yield
        finally:
            await asyncio.to_thread(server.shut, server.settings.grace)

    app = FastAPI(
        title="Allaprima worker", version=__version__, lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None
    )
    caught, doors = errors.Errors(server.metrics, server.keys), Doors()
    errors.install(app, caught)
    router = operations.routes(server)
    doors.add(router)
    app.include_router(router)
    _guard(app, server.settings, server.keys, doors, caught)
    return app


def _guard(app: FastAPI, settings: Settings, keys: Keys, doors: Doors, caught: errors.Errors) -> None:
    """Put before the routes what judges first; the last one is outermost."""
    app.add_middleware(Gate, settings=settings, keys=keys, doors=doors, errors=caught)
    app.add_middleware(
        CORSMiddleware, allow_origins=settings.allow_origins, allow_methods=["GET", "HEAD", "POST"], allow_headers=["*"],
        expose_headers=[HEADER, "Retry-After"],
    )  # fmt: skip
    app.add_middleware(Names, settings=settings, errors=caught)
    app.add_middleware(SafeHeaders)
    app.add_middleware(RequestId)
    app.add_middleware(Pace)


def _page(settings: Settings) -> APIRouter:
    """Our page. Its addresses are relative; a proxy's path without its last slash would lead them astray, so it is stated."""
    text = (PAGE / "index.html").read_text("utf-8")
    if settings.root_path:
        text = text.replace("<head>", f'<head>\n  <base href="{settings.root_path}/">', 1)
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    @door(key=False)
    async def page() -> Response:
        return Response(text, media_type="text/html", headers={**_FRESH, POLICY: PAGE_POLICY})

    return router
