"""What an error looks like, by the API that it belongs to: each family of clients knows one shape, and no other."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Body = Callable[[int, str, str, str | None, str], dict[str, Any]]
"""An error's body: of its status, text, code, parameter (None where it is about none), and the request's name."""


@dataclass(frozen=True, slots=True)
class Shape:
    """An API, as far as its errors go.

    `api`: its name in logs. `names`: its own for fields of `Ask` and of `Asked`. `challenge`: how it asks for a key.
    """

    api: str
    body: Body
    names: Mapping[str, str] = field(default_factory=dict)
    challenge: str = "Bearer"


def _openai(status: int, message: str, code: str, param: str | None, request: str) -> dict[str, Any]:
    kind = {401: "authentication_error", 404: "not_found_error", 429: "rate_limit_error"}.get(
        status, "invalid_request_error" if status < 500 else "server_error"
    )
    return {"error": {"message": message, "type": kind, "param": param, "code": code, "request_id": request}}


def _a1111(status: int, message: str, code: str, param: str | None, request: str) -> dict[str, Any]:
    return {"error": code, "detail": message, "body": "", "errors": message, "param": param, "request_id": request}


_A1111_NAMES = {"guidance": "cfg_scale", "strength": "denoising_strength", "size": "width", "n": "batch_size"}
_A1111 = Shape("sdapi", _a1111, _A1111_NAMES, challenge='Basic realm="Allaprima"')
_OPENAI = Shape("openai", _openai, {"guidance": "guidance_scale"})

_SHAPES = {
    "/v1/": _OPENAI,
    "/images/": _OPENAI,
    "/sdapi/": _A1111,
    "/controlnet/": _A1111,
    "/": Shape("http", _openai),
}
"""By how a path begins; the first that fits."""


def shape_of(path: str) -> Shape:
    """The shape for a path below the root: `/...`."""
    return next((shape for prefix, shape in _SHAPES.items() if path.startswith(prefix)), _SHAPES["/"])
