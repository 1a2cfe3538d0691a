"""Stills in the shape of OpenAI's Images API."""

import asyncio
import base64
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field

from engines.student import Student

from ..params import Text, guidance_complaint
from ..queue import QueueFull
from ..served import Served
from ..server import Server
from ..session import next_job_id
from ..tracing import known_trace
from ..types import Job, Outcome, Result
from .errors import ApiError
from .keys import keyed, owner
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
    seed: Annotated[int, Field(ge=0, le=2**32 - 1)] | None = None
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


def _check(asked: ImagesRequest, student: Student, server: Server) -> None:
    if asked.size != "auto":
        if not re.fullmatch(r"\d{1,5}x\d{1,5}", asked.size):
            raise ApiError(400, f"size must be WIDTHxHEIGHT or auto, not {asked.size!r}", "invalid_value", "size")
        if asked.size != f"{student.width}x{student.height}":
            have = f"{student.width}x{student.height}"
            raise ApiError(
                400, f"{student.name} paints {have} only, not {asked.size}; ask for {have} or auto", "invalid_size", "size"
            )
    if asked.response_format == "url":
        raise ApiError(400, "images are not kept here: ask for response_format b64_json", "unsupported", "response_format")
    if asked.stream:
        raise ApiError(400, "one step has no partial images: ask without stream", "unsupported", "stream")
    if asked.background == "transparent":
        raise ApiError(400, "this student paints opaque images only", "unsupported", "background")
    if asked.negative_prompt and not student.negative_prompt:
        raise ApiError(400, f"{student.name} knows no negative prompts; leave it empty", "unsupported", "negative_prompt")
    if (objection := guidance_complaint(asked.guidance_scale, student)) is not None:
        raise ApiError(400, objection, "unsupported", "guidance_scale")
    if len(asked.prompt) > server.settings.max_prompt:
        why = f"the prompt has {len(asked.prompt)} characters; the most taken here is {server.settings.max_prompt}"
        raise ApiError(400, why, "prompt_too_long", "prompt")


def _jobs(asked: ImagesRequest, request: Request, server: Server) -> list[Job]:
    """One job an image, with seeds that follow each other from the one asked for."""
    now, whose = time.monotonic(), owner(request, server)
    name, trace = request_id(request), known_trace(request.headers.get("traceparent"))
    seed = secrets.randbits(32) if asked.seed is None else asked.seed
    return [
        Job(
            id=next_job_id(),
            owner=whose,
            api="openai",
            prompt=((asked.prompt, 1.0),),
            seed=(seed + index) % 2**32,
            created=now,
            deadline=now + server.settings.still_deadline,
            guidance=asked.guidance_scale,
            format=asked.output_format,
            quality=max(1, asked.output_compression),
            request=name,
            trace=trace,
        )
        for index in range(asked.n)
    ]


class StillsRoom:
    """Room for so many stills at once, whatever live users do: those have a bound of their own."""

    def __init__(self, limit: int) -> None:
        self._limit, self.taken = limit, 0

    @contextmanager
    def hold(self, count: int) -> Iterator[None]:
        """Take room for `count` stills and give it back. Raises QueueFull."""
        if self.taken + count > self._limit:
            raise QueueFull("too many images are waiting")
        self.taken += count
        try:
            yield
        finally:
            self.taken -= count


async def _until_gone(request: Request) -> None:
    # the body has been read: the next message can only be that the client is gone
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _all_results(jobs: list[Job], served: Served) -> list[Result]:
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(served.queue.submit(job)) for job in jobs]
    except BaseExceptionGroup as failed:
        raise failed.exceptions[0] from None
    return [task.result() for task in tasks]


async def _paint(request: Request, jobs: list[Job], served: Served) -> list[Result]:
    """Run the jobs; withdraw them all if the client goes away."""
    painting = asyncio.ensure_future(_all_results(jobs, served))
    watching = asyncio.ensure_future(_until_gone(request))
    try:
        await asyncio.wait((painting, watching), return_when=asyncio.FIRST_COMPLETED)
        if not painting.done():
            raise ApiError(499, "the client went away", "client_closed_request")
        return painting.result()
    finally:
        watching.cancel()
        painting.cancel()


def _answer(results: list[Result], asked: ImagesRequest, jobs: list[Job], student: Student, server: Server) -> dict[str, Any]:
    for result in results:
        if result.outcome is Outcome.DROPPED_LATE:
            why = f"not painted within {server.settings.still_deadline:g} s; the server is overloaded, try again later"
            raise ApiError(503, why, "timeout", retry_after=5)
        if result.outcome is not Outcome.IMAGE:
            status = 503 if result.code == "shutting_down" else 400 if result.outcome is Outcome.REFUSED else 500
            raise ApiError(status, result.message, result.code)
    data = [{"b64_json": base64.b64encode(r.image).decode(), "seed": j.seed} for r, j in zip(results, jobs, strict=True)]
    size = f"{student.width}x{student.height}"
    timings = [_timings(result) for result in results]
    return {"created": int(time.time()), "data": data, "output_format": asked.output_format, "size": size, "timings": timings}


def _timings(result: Result) -> dict[str, Any]:
    """Seconds by stage, rows of the last tick, and where a meter can say so, joules."""
    known = {**asdict(result.timings), "rows": result.rows}
    return known if result.joules is None else {**known, "joules": result.joules, "meter": result.meter}


def routes(server: Server) -> APIRouter:
    room = StillsRoom(server.settings.max_waiting)
    server.metrics.stills.set_function(lambda: room.taken)
    server.metrics.stills_limit.set(server.settings.max_waiting)
    router = APIRouter(prefix="/v1", dependencies=[Depends(keyed(server))])

    @router.post("/images/generations")
    async def generations(request: Request, asked: ImagesRequest) -> dict[str, Any]:
        """Images from a prompt, by the student that `model` names."""
        served = _served(asked, server)
        _check(asked, served.student, server)
        if (why := served.not_ready()) is not None:
            raise ApiError(503, why, "not_ready", retry_after=2)
        jobs = _jobs(asked, request, server)
        try:
            with room.hold(asked.n):
                results = await _paint(request, jobs, served)
        except QueueFull as error:
            served.metrics.outcome(Outcome.REFUSED)
            raise ApiError(429, f"{error}; try again in a second", "server_busy", retry_after=1) from None
        return _answer(results, asked, jobs, served.student, server)

    return router
