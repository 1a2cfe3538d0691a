"""For whoever runs the server: health, readiness, metrics."""

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST

from ..house import House


def routes(house: House) -> APIRouter:
    router = APIRouter()

    @router.get("/healthz")
    async def healthz() -> dict[str, str]:
        """The process answers."""
        return {"status": "ok"}

    @router.get("/readyz")
    async def readyz() -> JSONResponse:
        """200 when the server can paint, else 503 with the reason."""
        why = house.not_ready()
        return JSONResponse({"status": "ready"} if why is None else {"status": "not ready", "reason": why}, 503 if why else 200)

    @router.get("/metrics")
    async def metrics() -> Response:
        """Prometheus text."""
        return Response(house.metrics.exposition(), media_type=CONTENT_TYPE_LATEST)

    return router
