"""The gate before all routes: host, origin, method, key, kind and size of a request are judged before its body is read.

What is behind it parses on the event loop, and cannot be asked to judge first: so nothing gets there that costs much to parse.
"""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from ..auth import complaint, key_in
from ..keys import Keys
from ..settings import Settings
from . import body
from .doors import Door, Doors, json_bytes, json_marks
from .errors import ApiError, Errors
from .origins import Hosts, Origins

HEAD = "allaprima.head"
"""In the scope of a request that wants no body, which goes on as a GET: whatever would go on for ever can look."""
_QUOTED = 80
"""Characters of a header that an error quotes."""


def under_root(scope: Scope, root_path: str) -> Scope:
    """The scope with its path below `root_path`, whether the proxy in front has taken that off or not."""
    path = scope["path"]
    if not (path == root_path or path.startswith(f"{root_path}/")):
        path = root_path + path
    return {**scope, "root_path": root_path, "path": path}


class Names:
    """The first gate: where we are, and by which name we were asked for."""

    def __init__(self, app: ASGIApp, settings: Settings, errors: Errors) -> None:
        self._app, self._root_path, self._errors = app, settings.root_path, errors
        self._hosts = Hosts(settings.host, settings.allow_hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        if self._root_path:
            scope = under_root(scope, self._root_path)
        host = Headers(scope=scope).get("host")
        if self._hosts.allow(host):
            await self._app(scope, receive, send)
            return
        shown = (host or "")[:_QUOTED]
        why = f"this server does not go by the name {shown!r}; if it should, start it with --allow-hosts {shown or 'NAME'}"
        await self._errors.turn_away(ApiError(421, why, "unknown_host"), scope, receive, send)


class Gate:
    """The second gate: whose page is asking, and what the route wants before it is asked."""

    def __init__(self, app: ASGIApp, settings: Settings, keys: Keys, doors: Doors, errors: Errors) -> None:
        self._app, self._settings, self._keys, self._doors, self._errors = app, settings, keys, doors, errors
        self._origins = Origins(settings.allow_origins)
        self._most_json, self._most_marks = json_bytes(settings), json_marks(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        try:
            self._judge_origin(headers)
            if scope["type"] == "http":
                scope, receive = await self._judge(scope, headers, receive)
        except ApiError as error:
            await self._errors.turn_away(error, scope, receive, send)
        except body.Gone:
            pass
        else:
            await self._app(scope, receive, send)

    def _judge_origin(self, headers: Headers) -> None:
        host = headers.get("host")
        for origin in headers.getlist("origin"):
            if not self._origins.allow(origin, host):
                shown = origin[:_QUOTED]
                why = f"pages of {shown!r} may not use this server; if they should, start it with --allow-origins {shown}"
                told = f"for this page, start the server with --allow-origins {shown}"
                raise ApiError(403, why, "foreign_origin", page_is_told=told)

    async def _judge(self, scope: Scope, headers: Headers, receive: Receive) -> tuple[Scope, Receive]:
        """The request as the routes shall see it. Raises ApiError and Gone."""
        if scope["method"] == "HEAD":
            # whatever can be got can be asked about; uvicorn leaves out the body by what it was asked for itself
            scope = {**scope, "method": "GET", HEAD: True}
        path = scope["path"].removeprefix(self._settings.root_path)
        door = self._doors.find(path, scope["method"])
        if door is None:
            return scope, receive
        if door.key and (why := complaint(self._keys, key_in(headers.get("authorization")))) is not None:
            raise ApiError(401, why, "invalid_api_key")
        if scope["method"] == "GET":
            return scope, receive
        return scope, await self._read(door, headers, receive)

    async def _read(self, door: Door, headers: Headers, receive: Receive) -> Receive:
        most = self._most_json if door.most_bytes is None else door.most_bytes
        if int(headers.get("content-length", 0)) > most:
            raise body.too_large(most)
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in door.kinds and not (body.is_json(kind) and any(map(body.is_json, door.kinds))):
            wanted = " or ".join(door.kinds)
            said = f"not {kind[:_QUOTED]}" if kind else "which says what the body is"
            raise ApiError(415, f"send Content-Type: {wanted}, {said}", "unsupported_media_type")
        whole = await body.read(receive, most, self._settings.body_seconds)
        if body.is_json(kind):
            await body.judge(whole, door.most_values, self._most_marks)
        return body.replay(whole, receive)
