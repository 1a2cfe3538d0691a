"""For whoever runs the server: health, readiness, metrics."""

import asyncio
from functools import partial
from typing import Protocol

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from ..metrics import OPENMETRICS, Metrics
from ..settings import Settings
from ..shared_work import SharedWork
from .described import also
from .doors import door

_FORMATS = ("", OPENMETRICS)
"""What an Accept header says, as far as it matters here."""


class Operated(Protocol):
    """What is asked of a process, whatever it does."""

    @property
    def settings(self) -> Settings: ...

    @property
    def metrics(self) -> Metrics: ...

    def not_ready(self) -> str | None:
        """Why it cannot do its work now, or None if it can."""
        ...


def routes(server: Operated) -> APIRouter:
    router = APIRouter()
    # writing some hundred series takes milliseconds, which nobody may have us spend as often as they like
    written = {wanted: SharedWork(partial(run_in_threadpool, server.metrics.exposition, wanted)) for wanted in _FORMATS}

    @router.get("/healthz")
    @door(key=False)
    async def healthz() -> dict[str, str]:
        """The process answers."""
        return {"status": "ok"}

    @router.get("/readyz", response_model=dict[str, str], responses={503: {"description": "Not now", "model": dict[str, str]}})
    @door(key=False)
    async def readyz() -> JSONResponse:
        """200 when the server can paint, else 503 with the reason."""
        why = server.not_ready()
        return JSONResponse({"status": "ready"} if why is None else {"status": "not ready", "reason": why}, 503 if why else 200)

    @router.get("/metrics", response_class=Response, responses=also("text/plain", OPENMETRICS))
    @door(key="metrics" not in server.settings.public)
    async def metrics(request: Request) -> Response:
        """Prometheus text, or OpenMetrics for who asks for that."""
        server.metrics.loop_tasks.set(len(asyncio.all_tasks()))
        body, kind = await written[OPENMETRICS if OPENMETRICS in request.headers.get("accept", "") else ""].get()
        return Response(body, headers={"Content-Type": kind})

    return router
