"""Errors in the OpenAI shape: {"error": {"message", "type", "param", "code"}}."""

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

_LONGEST_NAME = 80
"""Characters of a parameter's name that an error quotes."""
_LONGEST_MESSAGE = 400
"""Characters of an error: it may quote what a client sent, which may be long."""


class ApiError(Exception):
    """A refusal with a status, a text for a person, and a code for a program."""

    def __init__(self, status: int, message: str, code: str, param: str | None = None, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.code, self.param, self.retry_after = status, message, code, param, retry_after


def _body(status: int, message: str, code: str, param: str | None) -> dict[str, object]:
    kind = {401: "authentication_error", 404: "not_found_error", 429: "rate_limit_error"}.get(
        status, "invalid_request_error" if status < 500 else "server_error"
    )
    if len(message) > _LONGEST_MESSAGE:
        message = message[:_LONGEST_MESSAGE] + "..."
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def _response(error: ApiError) -> JSONResponse:
    headers = {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(_body(error.status, error.message, error.code, error.param), error.status, headers)


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


def install(app: FastAPI) -> None:
    """Make every error of this app an answer in that shape."""

    @app.exception_handler(ApiError)
    async def refused(_: Request, error: ApiError) -> JSONResponse:
        return _response(error)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        return _response(_invalid(error))

    @app.exception_handler(HTTPException)
    async def http(_: Request, error: HTTPException) -> JSONResponse:
        code = {404: "not_found", 405: "method_not_allowed", 413: "request_too_large"}.get(error.status_code, "http_error")
        return _response(ApiError(error.status_code, str(error.detail), code))

    @app.exception_handler(Exception)
    async def broken(_: Request, error: Exception) -> JSONResponse:
        return _response(ApiError(500, "something went wrong on the server; its log says what", "internal_error"))
