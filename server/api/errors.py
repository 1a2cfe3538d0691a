"""Errors, in the shape of the API that they belong to, with the request's id; counted and logged."""

import logging
from collections.abc import Callable, Iterable, Mapping

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette._utils import get_route_path
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.types import Receive, Scope, Send

import wire

from ..judge import Unfit
from ..keys import Keys
from ..logs import fields
from ..metrics import Metrics
from ..refusals import turn_away
from ..stills import Refused
from ..types import Refusal
from .keys import known_owner
from .parting import let_in_to_be_told
from .request_id import HEADER, request_id
from .shapes import Shape, shape_of

log = logging.getLogger(__name__)

_LONGEST_NAME = 80
"""Characters of a parameter's name that an error quotes."""
_LONGEST_MESSAGE = 400
"""Characters of an error: it may quote what a client sent, which may be long."""


WATCHED = "/v1/sessions/"
"""What the paths of those begin with who watch a session; the rest is a token."""

_REASONS = {
    "invalid_api_key": Refusal.UNAUTHORIZED,
    "model_not_found": Refusal.UNKNOWN_STUDENT,
    "server_busy": Refusal.FULL,
    "rate_limit_exceeded": Refusal.RATE,
    "too_many_watchers": Refusal.FULL,
    "not_ready": Refusal.NOT_READY,
    "shutting_down": Refusal.NOT_READY,
    "request_too_large": Refusal.TOO_LARGE,
    "unsupported": Refusal.UNSUPPORTED,
    "unsupported_strength": Refusal.UNSUPPORTED,
    "invalid_size": Refusal.UNSUPPORTED,
    "unknown_host": Refusal.FOREIGN,
    "foreign_origin": Refusal.FOREIGN,
}
"""Codes of refusals. Other codes are bad requests where the client is at fault, and failures where it is not."""
_CLIENT_WENT_AWAY = 499
_STILLS = {
    "server_busy": 429,
    "rate_limit_exceeded": 429,
    "not_ready": 503,
    "shutting_down": 503,
    "engine_stuck": 503,
    "timeout": 503,
    "queue_error": 503,
    "no_upscaler": 503,
    "too_large": 413,
    "too_many": 400,
    "bad_image": 400,
    "bad_mask": 400,
    "unsupported_strength": 400,
}
"""Statuses by the code of stills that are not painted; with any other the fault is the server's."""


class ApiError(Exception):
    """A refusal with a status, a text for a person, and a code for a program.

    `page_is_told` is for the page that asks for a live connection, in a few words; without, its handshake is refused.
    """

    def __init__(
        self,
        status: int,
        message: str,
        code: str,
        param: str | None = None,
        retry_after: int | None = None,
        headers: Mapping[str, str] | None = None,
        page_is_told: str = "",
    ) -> None:
        super().__init__(message)
        self.page_is_told = page_is_told
        self.status, self.message, self.code, self.param, self.retry_after = status, message, code, param, retry_after
        self.headers = headers or {}


def _response(error: ApiError, connection: HTTPConnection) -> JSONResponse:
    name = request_id(connection)
    headers = {**error.headers, HEADER: name}
    if error.retry_after is not None:
        headers["Retry-After"] = str(error.retry_after)
    if error.status == 401:
        headers["WWW-Authenticate"] = _shape(connection).challenge
    message = error.message if len(error.message) <= _LONGEST_MESSAGE else error.message[:_LONGEST_MESSAGE] + "..."
    body = _shape(connection).body(error.status, message, error.code, error.param, name)
    return JSONResponse(body, error.status, headers)


def _shape(connection: HTTPConnection) -> Shape:
    return shape_of(get_route_path(connection.scope))


def _reason(error: ApiError) -> Refusal | None:
    """Why a client was refused; None if it was not, but failed or let go."""
    if error.status == _CLIENT_WENT_AWAY:
        return None
    if error.status == 408:
        return Refusal.SLOW
    return _REASONS.get(error.code, Refusal.BAD_REQUEST if error.status < 500 else None)


def _invalid(error: RequestValidationError) -> ApiError:
    first = error.errors()[0]
    param = ".".join(str(part) for part in first["loc"] if part not in ("body", "query")) or None
    if first["type"] == "json_invalid":
        return ApiError(400, "the body is not JSON", "bad_json")
    if param is None:
        return ApiError(400, f"the body: {first['msg']}", "invalid_value")
    # a parameter's name is the client's own: of any length, and perhaps not to be encoded
    param = param[:_LONGEST_NAME].encode(errors="backslashreplace").decode()
    if first["type"] == "extra_forbidden":
        return ApiError(400, f"unknown parameter {param!r}", "unknown_parameter", param)
    return ApiError(400, f"{param}: {first['msg']}", "invalid_value", param)


def _unfit(error: Unfit, shape: Shape) -> ApiError:
    param = shape.names.get(error.param, error.param)
    return ApiError(400, f"{param}: {error.message}", error.code, param)


def _not_painted(error: Refused, shape: Shape) -> ApiError:
    param = None if error.param is None else shape.names.get(error.param, error.param)
    return ApiError(_STILLS.get(error.code, 500), error.message, error.code, param, error.retry_after)


def unsaid(path: str) -> str:
    """A path as it may be in a log: without the token of who watches a session."""
    return f"{WATCHED}..." if path.startswith(WATCHED) else path


class Errors:
    """Answers errors, and counts and logs those that are refusals."""

    def __init__(self, metrics: Metrics, keys: Keys) -> None:
        self._metrics, self._keys = metrics, keys

    def answer(self, error: ApiError, connection: HTTPConnection) -> JSONResponse:
        self._count(error, connection)
        return _response(error, connection)

    async def turn_away(self, error: ApiError, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer whoever asks, by HTTP or for a live connection, before any route does."""
        connection = HTTPConnection(scope)
        if scope["type"] == "http":
            await self.answer(error, connection)(scope, receive, send)
            return
        self._count(error, connection)
        if error.page_is_told:
            await let_in_to_be_told(scope, send, wire.CLOSE_POLICY, error.page_is_told)
        else:
            await send({"type": "websocket.close"})  # before it is accepted: the handshake is answered 403

    def _count(self, error: ApiError, connection: HTTPConnection) -> None:
        if (reason := _reason(error)) is None:
            return
        path = unsaid(get_route_path(connection.scope))
        client = connection.client.host if connection.client else None
        more = {"request": request_id(connection), "client": client, "owner": known_owner(connection, self._keys)}
        turn_away(self._metrics, reason, error.message, api=_shape(connection).api, where=path, code=error.code, **more)


def install(app: FastAPI, errors: Errors, methods: Callable[[str], Iterable[str]] = lambda path: ()) -> None:
    """Make every error of this app such an answer. `methods`: by which a path may be asked for."""

    @app.exception_handler(ApiError)
    async def refused(request: Request, error: ApiError) -> JSONResponse:
        return errors.answer(error, request)

    @app.exception_handler(Unfit)
    async def unfit(request: Request, error: Unfit) -> JSONResponse:
        return errors.answer(_unfit(error, _shape(request)), request)

    @app.exception_handler(Refused)
    async def not_painted(request: Request, error: Refused) -> JSONResponse:
        return errors.answer(_not_painted(error, _shape(request)), request)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        return errors.answer(_invalid(error), request)

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> JSONResponse:
        code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "http_error")
        headers = dict(error.headers or {})
        if "Allow" in headers and (allowed := sorted(methods(get_route_path(request.scope)))):
            headers["Allow"] = ", ".join(allowed)  # a route knows its own alone
        return errors.answer(ApiError(error.status_code, str(error.detail), code, headers=headers), request)

    @app.exception_handler(Exception)
    async def broken(request: Request, error: Exception) -> JSONResponse:
        # the traceback is logged by whoever runs this app
        log.error("a request broke", extra=fields(request=request_id(request), where=unsaid(request.url.path), why=repr(error)))
        return errors.answer(ApiError(500, "something went wrong on the server; its log says what", "internal_error"), request)
