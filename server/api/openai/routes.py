"""The routes of OpenAI's Images API. They only translate: what is asked is judged, and painted, by the room of stills."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, NamedTuple

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from engines.student import Student

from ...judge import Ask
from ...served import Served
from ...server import Server
from ...stills import Asked, Refused, Still
from ...tracing import known_trace
from .. import files
from ..described import EVENTS, also
from ..doors import door
from ..errors import ApiError
from ..forms import MULTIPART, Form, described, read_form
from ..keys import owner
from ..presence import while_present
from ..request_id import request_id
from .answers import Answer, What, failed
from .asks import EditRequest, ImagesRequest, VariationRequest
from .showing import Showing


class _Call(NamedTuple):
    """One request, and what became of it so far."""

    what: What
    server: Server
    request: Request
    asked: ImagesRequest | VariationRequest
    image: bytes | None = None
    mask: bytes | None = None

    async def answer(self) -> Response:
        """Paint, and answer."""
        served = self._served()
        self._check()
        asked = self._asked(served)
        if isinstance(self.asked, ImagesRequest) and (steps := self.asked.partial_steps(served.student)):
            showing = Showing(self.server.stills, served, asked, steps)
            await while_present(self.request, showing.first())
            return StreamingResponse(self._shown(showing, served), media_type=EVENTS)
        stills = await while_present(self.request, self.server.stills.paint(served, asked))
        answer = self._answer(stills, served)
        if self.asked.streamed:
            return Response(await _written(answer, lambda: answer.completed(self.what)), media_type=EVENTS)
        return Response(await _written(answer, answer.json), media_type="application/json")

    async def _shown(self, showing: Showing, served: Served) -> AsyncIterator[bytes]:
        """Events of pictures on their way, and of them when they are made."""
        try:
            async for index, stills in showing.pictures():
                answer = self._answer(stills, served)
                if index is None:
                    yield await asyncio.to_thread(answer.completed, self.what)
                else:
                    yield await asyncio.to_thread(answer.partial, self.what, index)
        except Refused as refused:  # the status has been sent: what is wrong is one more event
            yield failed(refused, request_id(self.request))

    def _served(self) -> Served:
        name = self.asked.model
        served = self.server.served(name)
        if served is None:
            why = f"no model {name!r} here; there are: {self.server.names()}. To have it mean one of these: --alias {name}=NAME"
            raise ApiError(404, why, "model_not_found", "model")
        return served

    def _check(self) -> None:
        """Of this API's own fields, those that nothing here can do."""
        if isinstance(self.asked, ImagesRequest) and self.asked.background == "transparent":
            raise ApiError(400, "this student paints opaque images only", "unsupported", "background")
        if self.asked.streamed and self.asked.response_format == "url":
            why = "events carry images in base64: ask for b64_json, or without stream"
            raise ApiError(400, why, "unsupported", "response_format")

    def _asked(self, served: Served) -> Asked:
        asked, ask = self.asked, self._ask(served.student)
        return Asked(
            api="openai",
            owner=owner(self.request, self.server),
            ask=ask,
            prompt=((ask.prompt[0], 1.0),),
            count=asked.count,
            seed=asked.seed,
            image=self.image,
            mask=self.mask,
            mask_paints="clear",
            format=asked.format,
            quality=asked.jpeg_quality,
            request=request_id(self.request),
            trace=known_trace(self.request.headers.get("traceparent")),
        )

    def _ask(self, student: Student) -> Ask:
        if isinstance(self.asked, EditRequest) and self.mask is not None:
            return self.asked.ask_within(student)
        return self.asked.ask(student)

    def _answer(self, stills: list[Still], served: Served) -> Answer:
        base64, by_address = self.asked.wants()
        urls = self._urls(stills) if by_address else None
        without = self.asked.without_effect(served.student)
        return Answer(stills, served.student, self.asked.format, base64, urls, without, int(self.image is not None))

    def _urls(self, stills: list[Still]) -> list[str] | None:
        images = [still.result.image for still in stills]
        urls = files.keep(self.request, self.server, owner(self.request, self.server), images, self.asked.format)
        if urls is None and self.asked.response_format == "url":
            why = "these images have no room among those kept here: ask for b64_json, for fewer, or for smaller ones"
            raise ApiError(400, why, "unsupported", "response_format")
        return urls


def routes(server: Server, prefix: str = "/v1") -> APIRouter:
    """`prefix`: of their paths; those without one, for clients whose address ends before it, are not described."""
    router = APIRouter(prefix=prefix, include_in_schema=bool(prefix))
    most = server.settings.max_message

    @router.post("/images/generations", response_model=dict[str, Any], responses=also(EVENTS))
    async def generations(request: Request, asked: ImagesRequest) -> Response:
        """Images from a prompt, by the student that `model` names."""
        return await _Call("image_generation", server, request, asked).answer()

    @router.post(
        "/images/edits",
        response_model=dict[str, Any],
        responses=also(EVENTS),
        openapi_extra=described(EditRequest, "image", "mask"),
    )
    @door(most_bytes=most, kinds=(MULTIPART,))
    async def edits(request: Request) -> Response:
        """A picture painted anew: `strength` says how much of it is."""
        form = await read_form(request, server)
        return await _Call("image_edit", server, request, form.fields(EditRequest), *_pictures(form, "mask")).answer()

    @router.post("/images/variations", response_model=dict[str, Any], openapi_extra=described(VariationRequest, "image"))
    @door(most_bytes=most, kinds=(MULTIPART,))
    async def variations(request: Request) -> Response:
        """Pictures like the one that is sent, painted without a prompt."""
        form = await read_form(request, server)
        return await _Call("image_generation", server, request, form.fields(VariationRequest), *_pictures(form)).answer()

    return router


async def _written(answer: Answer, write: Callable[[], bytes]) -> bytes:
    """What is answered: little at once, for which no thread is worth its while, and megabytes by a thread."""
    return write() if answer.little() else await asyncio.to_thread(write)


def _pictures(form: Form, *others: str) -> list[bytes | None]:
    """The picture that is sent, and the others that may be beside it.

    Raises ApiError if there is no picture, more than one, or a file that nothing is done with.
    """
    images = [data for name, data in form.files if name in ("image", "image[]")]
    if not images:
        raise ApiError(400, "image: send the picture as a file", "missing_required_parameter", "image")
    if len(images) > 1:
        raise ApiError(400, f"image: one picture is repainted here, not {len(images)}", "unsupported", "image")
    beside = {name: data for name, data in form.files if name not in ("image", "image[]")}
    if (other := next((name for name in beside if name not in others), None)) is not None:
        why = f"{other}: of files, this route takes {' and '.join(('image', *others))}; send it without"
        raise ApiError(400, why, "unsupported" if other in ("mask", "markup") else "unknown_parameter", other)
    return [images[0], *(beside.get(name) for name in others)]
