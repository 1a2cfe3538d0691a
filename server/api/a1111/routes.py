"""Pictures, options, progress and the texts in a PNG. Routes only translate: stills have a room of their own."""

import asyncio
import base64
import json
import time
from typing import Annotated, Any, NamedTuple

from fastapi import APIRouter, Body, Request, Response

from ... import __version__
from ...codec import BadImage
from ...codec.png_text import texts, with_text
from ...served import Served
from ...server import Server
from ...stills import Asked, Still
from ...tracing import known_trace
from ..doors import JSON, door
from ..errors import ApiError
from ..json_body import described, picture, read_json
from ..keys import owner
from ..presence import while_present
from ..request_id import request_id
from . import controlnet, infotext, lists, runs
from .asks import ImageToImage, PngInfo, TextToImage
from .choices import QUALITY, Choices
from .runs import Run, Runs

_NO_BODY = (JSON, "")
"""Kinds of a body that there need not be."""


class _Made(NamedTuple):
    """What was painted of what was asked, and how it is told."""

    asked: TextToImage
    served: Served
    format: str
    stills: list[Still]
    interrupted: bool

    def answer(self) -> bytes:
        """The answer as JSON. Takes milliseconds an image: for a thread."""
        student = self.served.student
        ask, size = self.asked.ask(student), self._size()
        steps = len(student.contract.times)
        seeds = [still.seed for still in self.stills]
        not_honoured = self.asked.not_honoured(student)
        texts = [self._infotext(ask.prompt[0], ask.negative_prompt, seed, size, steps) for seed in seeds]
        info = {
            "prompt": ask.prompt[0],
            "all_prompts": [ask.prompt[0]] * len(seeds),
            "negative_prompt": ask.negative_prompt,
            "all_negative_prompts": [ask.negative_prompt] * len(seeds),
            "seed": seeds[0] if seeds else -1,
            "all_seeds": seeds,
            "subseed": -1,
            "all_subseeds": [-1] * len(seeds),
            "subseed_strength": 0,
            "width": size[0],
            "height": size[1],
            "painted_width": student.width,
            "painted_height": student.height,
            "sampler_name": student.contract.sampler,
            "cfg_scale": ask.guidance,
            "steps": steps,
            "batch_size": self.asked.count(),
            "restore_faces": False,
            "sd_model_name": student.name,
            "sd_model_hash": "",
            "denoising_strength": ask.strength,
            "extra_generation_params": {"Not honoured": ", ".join(not_honoured)} if not_honoured else {},
            "index_of_first_image": 0,
            "infotexts": texts,
            "styles": self.asked.styles or [],
            "job_timestamp": time.strftime("%Y%m%d%H%M%S"),
            "clip_skip": 1,
            "interrupted": self.interrupted,
            "not_honoured": not_honoured,
            "version": f"Allaprima {__version__}",
        }
        sent = self.asked.send_images is not False
        pictures = [b'"%b"' % base64.b64encode(self._picture(*one)) for one in zip(self.stills, texts, strict=True) if sent]
        without = {"init_images", "mask", "alwayson_scripts"}  # pictures do not come back
        known = self.asked.model_dump(include=type(self.asked).model_fields.keys() - without)
        about = {"parameters": known, "info": json.dumps(info)}
        return b'{"images":[%b],%b' % (b",".join(pictures), json.dumps(about).encode()[1:])

    def _size(self) -> tuple[int, int]:
        """Width and height of what was painted, or was to be."""
        sizes = [still.result.size for still in self.stills if still.result.size is not None]
        student = self.served.student
        return sizes[0] if sizes else self.asked.larger(student) or self.asked.size(student)

    def _picture(self, still: Still, text: str) -> bytes:
        return with_text(still.result.image, "parameters", text) if self.format == "png" else still.result.image

    def _infotext(self, prompt: str, negative: str, seed: int, size: tuple[int, int], steps: int) -> str:
        student = self.served.student
        facts: dict[str, Any] = {
            "Steps": steps,
            "Sampler": student.contract.sampler,
            "Seed": seed,
            "Size": f"{size[0]}x{size[1]}",
        }
        if (guidance := self.asked.guidance(student)) is not None:
            facts["CFG scale"] = guidance
        if (strength := self.asked.strength(student)) is not None:
            facts["Denoising strength"] = strength
        return infotext.write(prompt, negative, {**facts, "Model": student.name, "Version": f"Allaprima {__version__}"})


class _Painter:
    """Paints what is asked, and knows what is under way."""

    def __init__(self, server: Server, choices: Choices) -> None:
        self.runs = Runs()
        self._server, self._choices = server, choices

    async def paint(
        self, request: Request, asked: TextToImage, image: bytes | None = None, mask: bytes | None = None
    ) -> Response:
        asked.check()
        units = asked.units()
        whose = owner(request, self._server)
        served, image_format = self._choices.of(whose, asked.override_settings)
        ask = asked.ask(served.student, served.status().upscales)
        wanted = Asked(
            api="sdapi",
            owner=whose,
            ask=ask,
            prompt=((ask.prompt[0], 1.0),),
            count=asked.count(),
            image=image,
            looks=controlnet.looks(units, served.student),
            repaint=asked.has_picture(),
            mask=mask,
            mask_paints=asked.mask_paints(),
            mask_blur=asked.blur(served.student),
            format=image_format,
            quality=QUALITY,
            request=request_id(request),
            trace=known_trace(request.headers.get("traceparent")),
        )
        run = self.runs.begin(whose, asked.count() * asked.turns())
        try:
            stills = await while_present(request, self._turns(run, asked, wanted, served))
        finally:
            self.runs.end(whose, run)
        made = _Made(asked, served, image_format, stills, run.interrupted or run.skipped)
        return Response(await asyncio.to_thread(made.answer), media_type="application/json")

    async def _turns(self, run: Run, asked: TextToImage, wanted: Asked, served: Served) -> list[Still]:
        seed, count = asked.any_seed(), asked.count()

        async def paint(turn: int) -> list[Still]:
            its = None if seed is None else (seed + turn * count) % 2**32
            return await self._server.stills.paint(served, wanted.of_seed(its), run.painted)

        return await run.take(asked.turns(), paint)


def routes(server: Server) -> APIRouter:
    router = lists.routes(server)
    choices = Choices(server)
    painter = _Painter(server, choices)
    most = server.settings.max_message

    @router.post("/txt2img", response_model=dict[str, Any], openapi_extra=described(TextToImage))
    @door(most_bytes=most)
    async def txt2img(request: Request) -> Response:
        """Pictures from a prompt. `info` says what was not honoured."""
        asked = await read_json(request, TextToImage)
        shown = controlnet.picture_of(asked.units())
        image = None if shown is None else await asyncio.to_thread(picture, shown, controlnet.NAME)
        return await painter.paint(request, asked, image)

    @router.post("/img2img", response_model=dict[str, Any], openapi_extra=described(ImageToImage))
    @door(most_bytes=most)
    async def img2img(request: Request) -> Response:
        """A picture painted anew; `denoising_strength` says how much of it is."""
        asked = await read_json(request, ImageToImage)
        asked.check()
        return await painter.paint(request, asked, *await asyncio.to_thread(_pictures, asked))

    @router.post("/png-info", response_model=dict[str, Any], openapi_extra=described(PngInfo))
    @door(most_bytes=most)
    async def png_info(request: Request) -> dict[str, Any]:
        """The texts in a PNG."""
        asked = await read_json(request, PngInfo)
        return await asyncio.to_thread(_png_info, asked.image)

    @router.get("/options")
    async def options(request: Request) -> dict[str, Any]:
        """Those of whoever asks."""
        return choices.options(owner(request, server))

    @router.post("/options")
    async def set_options(request: Request, options: Annotated[dict[str, Any], Body()]) -> dict[str, Any]:
        """Choose a student (`sd_model_checkpoint`), or a format (`samples_format`), for whoever asks."""
        return {"not_honoured": choices.change(owner(request, server), options)}

    @router.get("/progress")
    async def progress(request: Request, skip_current_image: bool = False) -> dict[str, Any]:
        """How far the pictures are that whoever asks is waiting for."""
        whose = owner(request, server)
        under_way = painter.runs.progress(whose)
        left = under_way.total - under_way.done
        return runs.described(under_way, server.stills.seconds(left, choices.of(whose)[0]) if left else 0.0)

    @router.post("/interrupt")
    @door(kinds=_NO_BODY)
    async def interrupt(request: Request) -> dict[str, Any]:
        """End what whoever asks has under way: those requests are answered with what is made."""
        painter.runs.interrupt(owner(request, server))
        return {}

    @router.post("/skip")
    @door(kinds=_NO_BODY)
    async def skip(request: Request) -> dict[str, Any]:
        """End the batch under way, and go on with the next."""
        painter.runs.skip(owner(request, server))
        return {}

    @router.post("/refresh-checkpoints")
    @door(kinds=_NO_BODY)
    async def refresh() -> None:
        """Nothing: students are those that the server was started with."""

    return router


def _pictures(asked: ImageToImage) -> tuple[bytes, bytes | None]:
    """The picture and its mask, if there is one."""
    [first] = asked.init_images or [""]
    return picture(first, "init_images"), picture(asked.mask, "mask") if asked.mask else None


def _png_info(image: str) -> dict[str, Any]:
    try:
        found = texts(picture(image, "image"))
    except BadImage as error:
        raise ApiError(422, f"image: {error}", "bad_image", "image") from None
    info = found.pop("parameters", "")
    return {"info": info, "items": found, "parameters": infotext.read(info) if info else {}}
