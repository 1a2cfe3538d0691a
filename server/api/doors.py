"""What each route wants of a request before a byte of its body is read: a key, a kind of body, a size."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from fastapi import APIRouter
from starlette.routing import compile_path

from ..settings import Settings

JSON = "application/json"
_LEAST_JSON = 64 << 10
_BESIDE_PROMPTS = 16 << 10
"""Bytes of JSON beside its prompts."""
_ESCAPED = 12
"""Bytes that JSON may take to say one character."""
_MARKS, _MARKS_BESIDE_PROMPTS = 2, 20_000
"""Escapes that JSON may take to say one character; and what a body has beside its prompts."""
_PROMPTS = 2
"""A prompt and a negative one."""
MOST_VALUES = 256
"""Values in a body of JSON, where a route does not say more: each that is not as it should be costs microseconds."""

_MARK = "__door__"
Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Door:
    """What a route wants. `most_bytes` of a body, None as much as JSON without an image may need; `kinds` it may be of."""

    key: bool = True
    most_bytes: int | None = None
    kinds: tuple[str, ...] = (JSON,)
    most_values: int = MOST_VALUES


def door(**wanted: Any) -> Callable[[Endpoint], Endpoint]:
    """Decorates an endpoint, below its route's decorator: see `Door`. Else a route wants a key, and takes a little JSON."""

    def mark(endpoint: Endpoint) -> Endpoint:
        setattr(endpoint, _MARK, Door(**wanted))
        return endpoint

    return mark


def json_bytes(settings: Settings) -> int:
    """Bytes of JSON without an image that are taken: what the longest prompts need, and some."""
    return max(_LEAST_JSON, _BESIDE_PROMPTS + _PROMPTS * _ESCAPED * settings.max_prompt)


def json_marks(settings: Settings) -> int:
    """Commas, brackets and escapes in a long body of JSON: what the longest prompts may have, and some."""
    return _MARKS_BESIDE_PROMPTS + _PROMPTS * _MARKS * settings.max_prompt


@dataclass
class Doors:
    """The doors of all routes, in the order of the routes."""

    _known: list[tuple[re.Pattern[str], frozenset[str], Door]] = field(default_factory=list)

    def add(self, router: APIRouter) -> None:
        """Those of a router, before it is included: its paths are whole."""
        for route in router.routes:
            methods: Iterable[str] | None = getattr(route, "methods", None)
            if methods:
                self.know(route.path, methods, getattr(route.endpoint, _MARK, Door()))  # type: ignore[attr-defined]

    def know(self, path: str, methods: Iterable[str], wanted: Door) -> None:
        self._known.append((compile_path(path)[0], frozenset(methods), wanted))

    def methods(self, path: str) -> frozenset[str]:
        """Those by which a path may be asked for."""
        known = frozenset[str]().union(*(methods for pattern, methods, _ in self._known if pattern.match(path)))
        return known | {"HEAD"} if "GET" in known else known

    def find(self, path: str, method: str) -> Door | None:
        """The door of the route that will answer; None where none will, which needs no key and no body to find out."""
        return next((door for pattern, methods, door in self._known if method in methods and pattern.match(path)), None)
