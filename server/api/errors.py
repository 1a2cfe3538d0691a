"""Errors in the OpenAI shape: {"error": {"message", "type", "param", "code"}}, with the request's id, counted and logged."""

import logging

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from ..logs import fields
from ..metrics import Metrics
from ..refusals import turn_away
from ..types import Refusal
from .request_id import HEADER, request_id

log = logging.getLogger(__name__)

_LONGEST_NAME = 80
"""Characters of a parameter's name that an error quotes."""
_LONGEST_MESSAGE = 400
"""Characters of an error: it may quote what a client sent, which may be long."""


_REASONS = {
    "invalid_api_key": Refusal.UNAUTHORIZED,
    "model_not_found": Refusal.UNKNOWN_STUDENT,
    "server_busy": Refusal.FULL,
    "not_ready": Refusal.NOT_READY,
    "shutting_down": Refusal.NOT_READY,
    "request_too_large": Refusal.TOO_LARGE,
    "unsupported": Refusal.UNSUPPORTED,
    "unsupported_strength": Refusal.UNSUPPORTED,
    "invalid_size": Refusal.UNSUPPORTED,
}
"""Codes of refusals. Other codes are bad requests where the client is at fault, and failures where it is not."""
_CLIENT_WENT_AWAY = 499


class ApiError(Exception):
    """A refusal with a status, a text for a person, and a code for a program."""

    def __init__(self, status: int, message: str, code: str, param: str | None = None, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.code, self.param, self.retry_after = status, message, code, param, retry_after


def _body(status: int, message: str, code: str, param: str | None, request: str) -> dict[str, object]:
    kind = {401: "authentication_error", 404: "not_found_error", 429: "rate_limit_error"}.get(
        status, "invalid_request_error" if status < 500 else "server_error"
    )
    if len(message) > _LONGEST_MESSAGE:
        message = message[:_LONGEST_MESSAGE] + "..."
    return {"error": {"message": message, "type": kind, "param": param, "code": code, "request_id": request}}


def _response(error: ApiError, request: Request) -> JSONResponse:
    name = request_id(request)
    headers = {HEADER: name}
    if error.retry_after is not None:
        headers["Retry-After"] = str(error.retry_after)
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(_body(error.status, error.message, error.code, error.param, name), error.status, headers)


def _reason(error: ApiError) -> Refusal | None:
    """Why a client was refused; None if it was not, but failed or let go."""
    if error.status == _CLIENT_WENT_AWAY:
        return None
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


def _api(path: str) -> str:
    return "sdapi" if path.startswith("/sdapi/") else "openai" if path.startswith("/v1/") else "http"


def install(app: FastAPI, metrics: Metrics) -> None:
    """Make every error of this app an answer in that shape, and count and log those that are refusals."""

    def answer(error: ApiError, request: Request) -> JSONResponse:
        if (reason := _reason(error)) is not None:
            path = request.url.path
            more = {"request": request_id(request), "client": request.client.host if request.client else None}
            turn_away(metrics, reason, error.message, api=_api(path), where=path, code=error.code, **more)
        return _response(error, request)

    @app.exception_handler(ApiError)
    async def refused(request: Request, error: ApiError) -> JSONResponse:
        return answer(error, request)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        return answer(_invalid(error), request)

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> JSONResponse:
        code = {404: "not_found", 405: "method_not_allowed", 413: "request_too_large"}.get(error.status_code, "http_error")
        return answer(ApiError(error.status_code, str(error.detail), code), request)

    @app.exception_handler(Exception)
    async def broken(request: Request, error: Exception) -> JSONResponse:
        # the traceback is logged by whoever runs this app
        log.error("a request broke", extra=fields(request=request_id(request), where=request.url.path, why=repr(error)))
        return answer(ApiError(500, "something went wrong on the server; its log says what", "internal_error"), request)
