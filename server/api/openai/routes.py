"""Stills in the shape of OpenAI's Images API."""

import asyncio
import base64
import json
import time
from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from engines.student import Student

from ..judge import Ask, Seed, Text
from ..served import Served
from ..server import Server
from ..stills import Asked, Still
from ..tracing import known_trace
from ..types import Result
from .errors import ApiError
from .keys import owner
from .presence import while_present
from .request_id import request_id


class ImagesRequest(BaseModel):
    """OpenAI's fields, and `seed`, `negative_prompt` and `guidance_scale` as its peers spell them."""

    model_config = ConfigDict(extra="forbid")

    prompt: Text
    model: str | None = None
    n: Annotated[int, Field(ge=1, le=10)] = 1
    size: str = "auto"
    response_format: Literal["b64_json", "url"] = "b64_json"
    output_format: Literal["png", "jpeg", "webp"] = "png"
    output_compression: Annotated[int, Field(ge=0, le=100)] = 90
    seed: Seed | None = None
    negative_prompt: Text = ""
    guidance_scale: float | None = None
    stream: bool = False
    background: Literal["auto", "opaque", "transparent"] = "auto"
    # taken, since clients send them, and without effect: a one-step student has nothing to trade
    quality: str | None = None
    style: str | None = None
    moderation: str | None = None
    user: str | None = None


def _served(asked: ImagesRequest, server: Server) -> Served:
    served = server.served(asked.model)
    if served is None:
        raise ApiError(404, f"no model {asked.model!r} here; there are: {server.names()}", "model_not_found", "model")
    return served


def _check(asked: ImagesRequest) -> None:
    """Of this API's own fields, those that nothing here can do."""
    if asked.response_format == "url":
        raise ApiError(400, "images are not kept here: ask for response_format b64_json", "unsupported", "response_format")
    if asked.stream:
        raise ApiError(400, "one step has no partial images: ask without stream", "unsupported", "stream")
    if asked.background == "transparent":
        raise ApiError(400, "this student paints opaque images only", "unsupported", "background")


def _asked(asked: ImagesRequest, request: Request, server: Server) -> Asked:
    return Asked(
        api="openai",
        owner=owner(request, server),
        ask=Ask([asked.prompt], asked.negative_prompt, asked.guidance_scale, size=asked.size),
        prompt=((asked.prompt, 1.0),),
        count=asked.n,
        seed=asked.seed,
        format=asked.output_format,
        quality=max(1, asked.output_compression),
        request=request_id(request),
        trace=known_trace(request.headers.get("traceparent")),
    )


def _answer(stills: list[Still], asked: ImagesRequest, student: Student) -> bytes:
    """The answer as JSON. Takes milliseconds an image: for a thread. `json` would hold it up for longer, and at a stretch."""
    data = b",".join(b'{"b64_json":"%b","seed":%d}' % (base64.b64encode(still.result.image), still.seed) for still in stills)
    size = f"{student.width}x{student.height}"
    timings = [_timings(still.result) for still in stills]
    about = {"created": int(time.time()), "output_format": asked.output_format, "size": size, "timings": timings}
    return b'{"data":[%b],%b' % (data, json.dumps(about, separators=(",", ":")).encode()[1:])


def _timings(result: Result) -> dict[str, Any]:
    """Seconds by stage, rows of the last tick, and where a meter can say so, joules."""
    known = {**asdict(result.timings), "rows": result.rows}
    return known if result.joules is None else {**known, "joules": result.joules, "meter": result.meter}


def routes(server: Server) -> APIRouter:
    router = APIRouter(prefix="/v1")

    @router.post("/images/generations", response_model=dict[str, Any])
    async def generations(request: Request, asked: ImagesRequest) -> Response:
        """Images from a prompt, by the student that `model` names."""
        served = _served(asked, server)
        _check(asked)
        stills = await while_present(request, server.stills.paint(served, _asked(asked, request, server)))
        answer = await asyncio.to_thread(_answer, stills, asked, served.student)
        return Response(answer, media_type="application/json")

    return router
