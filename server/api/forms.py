"""Multipart forms: taken apart on a thread, within bounds, and judged like a body of JSON."""

import asyncio
from dataclasses import dataclass, field
from typing import Any, TypeVar

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from ..server import Server
from .doors import json_bytes
from .errors import ApiError

MULTIPART = "multipart/form-data"
_MOST_PARTS = 64
_MOST_HEADER = 4 << 10
_LONGEST_BOUNDARY = 200

Model = TypeVar("Model", bound=BaseModel)


@dataclass(slots=True)
class Form:
    """A form: texts by name, the last of several, and files in their order, of which there may be several of a name."""

    texts: dict[str, str] = field(default_factory=dict)
    files: list[tuple[str, bytes]] = field(default_factory=list)

    def fields(self, model: type[Model]) -> Model:
        """The texts as fields: numbers and truths are written out, and `a[b]` is b of a.

        Of what need not be there null is the default, as in JSON. Raises RequestValidationError.
        """
        values: dict[str, Any] = {}
        for name, text in self.texts.items():
            known = model.model_fields.get(name)
            if text == "null" and known is not None and not known.is_required():
                continue
            outer, bracket, inner = name.partition("[")
            if bracket and inner.endswith("]") and outer in model.model_fields:
                inside = values.setdefault(outer, {})
                if isinstance(inside, dict):
                    inside[inner[:-1]] = text
            else:
                values[name] = text
        try:
            return model.model_validate(values, strict=False)
        except ValidationError as error:
            raise RequestValidationError([{**one, "loc": ("body", *one["loc"])} for one in error.errors()]) from None


async def read_form(request: Request, server: Server) -> Form:
    """The form that was sent. Raises ApiError."""
    body = await request.body()
    most_text = json_bytes(server.settings)
    return await asyncio.to_thread(take_apart, body, request.headers.get("content-type", ""), most_text)


def take_apart(body: bytes, content_type: str, most_text: int) -> Form:
    """A body to its parts. `most_text`: bytes of all that is no file. Raises ApiError."""
    _, options = parse_options_header(content_type)
    boundary = options.get(b"boundary", b"")
    if not 0 < len(boundary) <= _LONGEST_BOUNDARY:
        raise ApiError(400, "the content type does not say the boundary of the form's parts", "bad_form")
    parts = _Parts(most_text)
    try:
        parser = MultipartParser(boundary, parts.callbacks(), max_header_size=_MOST_HEADER)
        parser.write(body)
        parser.finalize()
    except FormParserError as error:
        raise ApiError(400, f"the body is not a form: {error}", "bad_form") from None
    if not parts.ended:
        raise ApiError(400, "the body is not a form: it has no end", "bad_form")
    return parts.form


class _Parts:
    """What a parser says, put together."""

    def __init__(self, most_text: int) -> None:
        self.form, self.ended = Form(), False
        self._count, self._text_left = 0, most_text
        self._header, self._value = b"", b""
        self._name, self._is_file, self._data = "", False, bytearray()

    def callbacks(self) -> Any:
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._field,
            "on_header_value": self._of_header,
            "on_header_end": self._header_end,
            "on_part_data": self._of_part,
            "on_part_end": self._part_end,
            "on_end": self._end,
        }

    def _begin(self) -> None:
        self._count += 1
        if self._count > _MOST_PARTS:
            raise ApiError(400, f"the form has more than {_MOST_PARTS} parts", "invalid_value")
        self._name, self._is_file, self._data = "", False, bytearray()

    def _field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _of_header(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            _, options = parse_options_header(self._value)
            self._name = options.get(b"name", b"").decode(errors="replace")
            self._is_file = b"filename" in options
        self._header = self._value = b""

    def _of_part(self, data: bytes, start: int, end: int) -> None:
        if not self._is_file:
            self._text_left -= end - start
            if self._text_left < 0:
                raise ApiError(413, "the texts of the form are too long", "request_too_large")
        self._data += data[start:end]

    def _part_end(self) -> None:
        if not self._name:
            raise ApiError(400, "a part of the form has no name", "bad_form")
        if self._is_file:
            self.form.files.append((self._name, bytes(self._data)))
            return
        try:
            self.form.texts[self._name] = self._data.decode()
        except UnicodeDecodeError:
            raise ApiError(400, f"{self._name}: not UTF-8", "invalid_value", self._name) from None

    def _end(self) -> None:
        self.ended = True


def described(model: type[BaseModel], *files: str) -> dict[str, Any]:
    """What the API's description says of a form: the model's fields, and files, the first of which is needed."""
    schema = model.model_json_schema()
    pictures = {name: {"type": "string", "format": "binary"} for name in files}
    schema["properties"] = pictures | schema["properties"]
    schema["required"] = [files[0], *schema.get("required", ())]
    return {"requestBody": {"required": True, "content": {MULTIPART: {"schema": schema}}}}
