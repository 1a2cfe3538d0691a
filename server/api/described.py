"""What the API's description says of errors: the shape of each API's own."""

from typing import Any

from pydantic import BaseModel

EVENTS = "text/event-stream"


class ErrorBody(BaseModel):
    """What is wrong: a text for a person, a code for a program, and which parameter, if it is one."""

    message: str
    type: str
    param: str | None
    code: str
    request_id: str


class OpenAiError(BaseModel):
    """An error of OpenAI's shape."""

    error: ErrorBody


class A1111Error(BaseModel):
    """An error of A1111's shape: `error` is a code for a program, `detail` a text for a person."""

    error: str
    detail: str
    body: str
    errors: str
    param: str | None
    request_id: str


def narrowed(**bounds: Any) -> Any:
    """A change to the schema of a field that may be null: what else it may be is within these bounds, too."""

    def change(schema: Any) -> None:
        schema["anyOf"][0].update(bounds)

    return change


def errors(body: type[BaseModel]) -> dict[int | str, dict[str, Any]]:
    """Responses of a router whose errors are such."""
    return {
        "4XX": {"description": "What is asked cannot be done, or not now", "model": body},
        "5XX": {"description": "The server cannot", "model": body},
    }


def also(*kinds: str) -> dict[int | str, dict[str, Any]]:
    """Responses of a route that answers in other kinds, beside JSON or in its place."""
    return {
        200: {"content": {kind: {} if kind == EVENTS else {"schema": {"type": "string", "format": "binary"}} for kind in kinds}}
    }
