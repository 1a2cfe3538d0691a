"""What an error looks like, by the API that it belongs to: each family of clients knows one shape, and no other."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Body = Callable[[int, str, str, str | None, str], dict[str, Any]]
"""An error's body: of its status, text, code, parameter (None where it is about none), and the request's name."""


@dataclass(frozen=True, slots=True)
class Shape:
    """An API, as far as its errors go. `api`: its name in logs. `names`: its own for fields of `Ask`."""

    api: str
    body: Body
    names: Mapping[str, str] = field(default_factory=dict)


def _openai(status: int, message: str, code: str, param: str | None, request: str) -> dict[str, Any]:
    kind = {401: "authentication_error", 404: "not_found_error", 429: "rate_limit_error"}.get(
        status, "invalid_request_error" if status < 500 else "server_error"
    )
    return {"error": {"message": message, "type": kind, "param": param, "code": code, "request_id": request}}


_OPENAI = Shape("openai", _openai, {"guidance": "guidance_scale"})

_SHAPES = {
    "/v1/": _OPENAI,
    "/images/": _OPENAI,
    "/": Shape("http", _openai),
}
"""By how a path begins; the first that fits."""


def shape_of(path: str) -> Shape:
    """The shape for a path below the root: `/...`."""
    return next((shape for prefix, shape in _SHAPES.items() if path.startswith(prefix)), _SHAPES["/"])
