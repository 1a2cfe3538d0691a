"""A body of JSON that may hold pictures: judged off the event loop, which four megabytes would hold up for too long."""

import asyncio
import base64
from typing import Any, TypeVar

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError

from .doors import JSON
from .errors import ApiError

Model = TypeVar("Model", bound=BaseModel)


async def read_json(request: Request, model: type[Model]) -> Model:
    """The body, judged. Raises RequestValidationError."""
    return await asyncio.to_thread(_judged, await request.body(), model)


def _judged(body: bytes, model: type[Model]) -> Model:
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise RequestValidationError([{**one, "loc": ("body", *one["loc"])} for one in error.errors()]) from None


def described(model: type[BaseModel]) -> dict[str, Any]:
    """What the API's description says of such a body."""
    return {"requestBody": {"required": True, "content": {JSON: {"schema": model.model_json_schema()}}}}


def picture(text: str, param: str) -> bytes:
    """The bytes of a picture in base64, bare or as a data URI. Takes milliseconds: for a thread. Raises ApiError."""
    if text.startswith("data:"):
        text = text.partition(",")[2]
    elif text.startswith(("http:", "https:")):
        raise ApiError(400, f"{param}: nothing is fetched here; send the picture itself, in base64", "unsupported", param)
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise ApiError(400, f"{param}: not base64", "invalid_value", param) from None
