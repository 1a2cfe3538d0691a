"""The students served here, in the shape of OpenAI's list of models."""

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter

from engines.student import PICTURE, Student

from ..eyes import knobs_of
from ..served import Served
from ..server import Server
from ..status import Outlook
from .errors import ApiError


def guidance_bounds(student: Student) -> dict[str, float] | None:
    """Default, least and most guidance scale; None for a student that is told none."""
    return asdict(student.guidance) if student.guidance else None


def described_eyes(student: Student) -> list[dict[str, Any]]:
    """A student's eyes: their names, how much they count unasked (that of the picture itself as a whole: null), their
    licences, and what may be set of them."""
    return [
        {
            "name": control.name, "sees": control.eye, "licence": control.licence,
            "scale": None if control.name == PICTURE else control.scale,
            "knobs": {name: asdict(knob) for name, knob in knobs_of(control.eye).items()},
        }
        for control in student.sights
    ]  # fmt: skip


def described_upscaler(student: Student, status: Outlook | None = None) -> dict[str, Any] | None:
    """What makes a student's pictures larger: its name, its kind and its licence, by how many times it does and the seconds of
    that, and why it cannot now; None where nothing does."""
    one = student.upscaler
    if one is None:
        return None
    scales = {} if status is None else {str(scale): round(seconds, 4) for scale, seconds in status.upscales.items()}
    why_not = None if status is None else status.no_upscale or None
    return {"name": one.name, "kind": one.kind, "licence": one.licence, "scales": scales, "why_not": why_not}


def describe(student: Student, created: int, status: Outlook | None = None) -> dict[str, Any]:
    """A model of /v1/models: OpenAI's fields, and what our page wants to know."""
    return {
        "id": student.name, "object": "model", "created": created, "owned_by": "allaprima", "title": student.title,
        "licence": student.licence, "width": student.width, "height": student.height, "steps": len(student.contract.times),
        "txt2img": student.txt2img, "img2img": student.img2img, "strengths": student.contract.known_strengths(),
        "guidance": guidance_bounds(student),
        "eyes": described_eyes(student),
        "upscaler": described_upscaler(student, status),
        "negative_prompt": student.negative_prompt, "styles": student.styles, "suggestions": student.suggestions,
    }  # fmt: skip


def routes(server: Server, prefix: str = "/v1") -> APIRouter:
    """`prefix`: of their paths; those without one, for clients whose address ends before it, are not described."""
    router = APIRouter(prefix=prefix, include_in_schema=bool(prefix))
    created = int(server.started)

    def _described(served: Served) -> dict[str, Any]:
        return {**describe(served.student, created, served.status()), "ready": served.not_ready() is None}

    @router.get("/models")
    async def models() -> dict[str, Any]:
        """The students served here; the first is the default."""
        return {"object": "list", "data": [_described(served) for served in server.students.values()]}

    @router.get("/models/{name}")
    async def model(name: str) -> dict[str, Any]:
        """One student."""
        served = server.served(name)
        if served is None:
            raise ApiError(404, f"no model {name!r} here; there are: {server.names()}", "model_not_found", "model")
        return {**_described(served), "id": name}

    return router
