"""Errors have the shape of the API that they belong to, and say the same thing in each."""

from typing import Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI

from server.api import errors, shapes
from server.api.request_id import RequestId
from server.judge import Unfit
from server.keys import Keys
from server.metrics import Metrics
from server.stills import Refused


@pytest.fixture
async def http(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Two APIs whose routes fail, the second with a shape of its own."""
    plain = shapes.Shape("others", lambda status, message, code, param, request: {"detail": message}, {"guidance": "cfg_scale"})
    monkeypatch.setattr(shapes, "_SHAPES", {"/others/": plain, **shapes._SHAPES})
    router = APIRouter()

    @router.get("/{api}/unfit")
    async def unfit(api: str) -> None:
        raise Unfit("guidance", "it is told none")

    @router.get("/{api}/busy")
    async def busy(api: str) -> None:
        raise Refused("server_busy", "too many images are waiting", retry_after=6.2)

    app = FastAPI()
    app.include_router(router)
    errors.install(app, errors.Errors(Metrics(), Keys()))
    app.add_middleware(RequestId)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        yield client


async def test_openai(http: httpx.AsyncClient) -> None:
    """Below /v1/ they are OpenAI's, and so they are where no API is."""
    response = await http.get("/v1/unfit")
    error = response.json()["error"]
    assert (response.status_code, error["param"], error["code"]) == (400, "guidance_scale", "unsupported")
    assert error["message"] == "guidance_scale: it is told none"
    assert (await http.get("/nowhere/at/all")).json()["error"]["code"] == "not_found"


async def test_another(http: httpx.AsyncClient) -> None:
    """Another API has its own shape, its own names, and the same statuses and headers."""
    response = await http.get("/others/unfit")
    assert (response.status_code, response.json()) == (400, {"detail": "cfg_scale: it is told none"})
    response = await http.get("/others/busy")
    assert (response.status_code, response.json()) == (429, {"detail": "too many images are waiting"})
    assert response.headers["retry-after"] == "7"
    assert response.headers["x-request-id"]
