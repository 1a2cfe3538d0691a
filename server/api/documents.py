"""The page about the API, and the schema it shows. All of its files come from here: a key is typed into it."""

import importlib.util
from pathlib import Path

from fastapi import APIRouter, Response
from fastapi.staticfiles import StaticFiles

from ..settings import Settings
from .doors import door
from .headers import DOCUMENTS, POLICY

_PAGE = """\
<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>Allaprima: the API</title>
  <link rel="stylesheet" href="docs/files/swagger-ui.css">
  <script defer src="docs/files/swagger-ui-bundle.js"></script>
  <script defer src="docs/start.js"></script>
</head>
<body><div id="documents"></div></body>
</html>
"""
# addresses are relative: who asks may know us under a path that a proxy takes off
_START = 'SwaggerUIBundle({ url: "openapi.json", dom_id: "#documents", deepLinking: true });\n'


def files() -> StaticFiles:
    """Swagger UI's files, from the package that brings them."""
    found = importlib.util.find_spec("fastapi_offline")
    assert found is not None  # it is among our dependencies
    assert found.origin is not None
    return StaticFiles(directory=Path(found.origin).parent / "static")


def routes(settings: Settings) -> APIRouter:
    router = APIRouter(include_in_schema=False)
    guarded = "docs" not in settings.public

    @router.get("/docs")
    @door(key=guarded)
    async def page() -> Response:
        return Response(_PAGE, media_type="text/html", headers={POLICY: DOCUMENTS})

    @router.get("/docs/start.js")
    @door(key=guarded)
    async def start() -> Response:
        return Response(_START, media_type="text/javascript")

    return router
