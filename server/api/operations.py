"""For whoever runs the server: health, readiness, metrics."""

import asyncio

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from ..server import Server


def routes(server: Server) -> APIRouter:
    router = APIRouter()

    @router.get("/healthz")
    async def healthz() -> dict[str, str]:
        """The process answers."""
        return {"status": "ok"}

    @router.get("/readyz")
    async def readyz() -> JSONResponse:
        """200 when the server can paint, else 503 with the reason."""
        why = server.not_ready()
        return JSONResponse({"status": "ready"} if why is None else {"status": "not ready", "reason": why}, 503 if why else 200)

    @router.get("/metrics")
    async def metrics(request: Request) -> Response:
        """Prometheus text, or OpenMetrics for who asks for that."""
        server.metrics.loop_tasks.set(len(asyncio.all_tasks()))
        # writing some hundred series takes milliseconds
        body, kind = await run_in_threadpool(server.metrics.exposition, request.headers.get("accept", ""))
        return Response(body, headers={"Content-Type": kind})

    return router
