"""What clients list before they ask: models, and what there is to choose from where there is little."""

import os
from typing import Any

from fastapi import APIRouter

from ...server import Server
from ..described import A1111Error, errors

PREFIX = "/sdapi/v1"
_EMPTY = ("hypernetworks", "face-restorers", "realesrgan-models", "sd-vae", "latent-upscale-modes", "loras")
_SAMPLER = {"name": "Euler a", "aliases": ["k_euler_a", "k_euler_ancestral"], "options": {}}
_SCHEDULER = {"name": "automatic", "label": "Automatic", "aliases": None, "default_rho": -1, "need_inner_model": False}
_NO_UPSCALER: dict[str, Any] = {"name": "None", "model_name": None, "model_path": None, "model_url": None, "scale": 4}


def routes(server: Server) -> APIRouter:
    router = APIRouter(prefix=PREFIX, responses=errors(A1111Error))
    for name in _EMPTY:
        router.add_api_route(f"/{name}", _nothing, summary=f"There are none: {name}", operation_id=f"a1111_{name}")

    @router.get("/sd-models")
    async def models() -> list[dict[str, Any]]:
        """The students served here."""
        return [
            {"title": name, "model_name": name, "hash": None, "sha256": None, "filename": name, "config": None}
            for name in server.students
        ]

    @router.get("/samplers")
    async def samplers() -> list[dict[str, Any]]:
        """The one that all clients name; a student has its own."""
        return [_SAMPLER]

    @router.get("/schedulers")
    async def schedulers() -> list[dict[str, Any]]:
        """Likewise."""
        return [_SCHEDULER]

    @router.get("/upscalers")
    async def upscalers() -> list[dict[str, Any]]:
        """Those that make pictures larger, each of a student, and none."""
        found = [_NO_UPSCALER]
        for served in server.students.values():
            if (one := served.student.upscaler) is not None:
                scale = max(served.status().upscales, default=_NO_UPSCALER["scale"])
                found.append({**_NO_UPSCALER, "name": one.name, "model_name": one.name, "scale": scale})
        return found

    @router.get("/prompt-styles")
    async def styles() -> list[dict[str, Any]]:
        """The styles that the students know."""
        known = dict.fromkeys(style for served in server.students.values() for style in served.student.styles)
        return [{"name": style, "prompt": style, "negative_prompt": ""} for style in known]

    @router.get("/embeddings")
    async def embeddings() -> dict[str, Any]:
        """None."""
        return {"loaded": {}, "skipped": {}}

    @router.get("/scripts")
    async def scripts() -> dict[str, list[str]]:
        """None."""
        return {"txt2img": [], "img2img": []}

    @router.get("/cmd-flags")
    async def flags() -> dict[str, Any]:
        """Those that clients look for."""
        return {"api": True, "nowebui": True}

    @router.get("/memory")
    async def memory() -> dict[str, Any]:
        """Bytes of the machine's memory; of a device's nothing is known here."""
        page = os.sysconf("SC_PAGE_SIZE")
        total, free = os.sysconf("SC_PHYS_PAGES") * page, os.sysconf("SC_AVPHYS_PAGES") * page
        return {"ram": {"free": free, "used": total - free, "total": total}, "cuda": {"error": "unavailable"}}

    return router


async def _nothing() -> list[dict[str, Any]]:
    return []
