"""Watching a live session: its images as one feed, for whatever shows pictures. Who has its token may look, no more."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from functools import partial

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from .. import codec
from ..feed import Feed, FeedClosed
from ..server import Server
from ..session import Session
from ..transport import keep_little
from .doors import door
from .errors import WATCHED, ApiError
from .gate import HEAD

JPEG = "image/jpeg"
FRAMES = "multipart/x-mixed-replace; boundary=frame"
AGAIN = 1.0
"""Seconds after which the newest image is sent once more. Chrome shows a part when the next one begins; a proxy and a player
give up on a feed that is silent; and who is gone is found out."""
QUALITY = 90
"""Of JPEG, where the session's own format is another."""

_BOUNDARY = b"--frame\r\n"
_NEVER = {"Cache-Control": "no-store"}
_PATIENCE = 5
"""Seconds after which to look again for room."""


class Room:
    """How many watch. Event loop only."""

    def __init__(self, server: Server) -> None:
        settings = server.settings
        self._of_all, self._of_each = settings.max_watchers, settings.max_watchers_per_session
        self._watching: Counter[str] = Counter()
        server.metrics.watchers.set_function(self._watching.total)

    @contextmanager
    def taken(self, session: Session) -> Iterator[None]:
        """Room for one who watches. Raises ApiError where there is none."""
        if self._watching[session.watch] >= self._of_each or self._watching.total() >= self._of_all:
            why = (
                f"no room for another who watches: {self._of_each} may watch a session (--max-watchers-per-session), "
                f"{self._of_all} all of them (--max-watchers); try again in {_PATIENCE} s"
            )
            raise ApiError(429, why, "too_many_watchers", retry_after=_PATIENCE)
        self._watching[session.watch] += 1
        try:
            yield
        finally:
            self._watching[session.watch] -= 1
            if not self._watching[session.watch]:
                del self._watching[session.watch]


class _Watching(StreamingResponse):
    """A feed on its way to somebody who has room for as long as that takes."""

    def __init__(self, parts: AsyncIterator[bytes], room: Room, session: Session, headers: dict[str, str]) -> None:
        super().__init__(parts, headers=headers)
        self._room, self._session = room, session

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._room.taken(self._session):
            await super().__call__(scope, receive, send)


def routes(server: Server) -> APIRouter:
    router, room = APIRouter(), Room(server)

    def found(token: str) -> Session:
        session = server.sessions.watched(token)
        if session is None:
            raise ApiError(404, "no session is watched by that name: it is over, or never was", "not_found")
        return session

    async def convert(owner: str, image: bytes) -> bytes:
        return await asyncio.wrap_future(server.pool.encode(owner, partial(_as_jpeg, image, server.settings.provenance)))

    async def frames(request: Request, session: Session) -> AsyncIterator[bytes]:
        """Parts of the feed, from what is there now on, until the session is over."""
        keep_little(request.scope)
        feed, seen = session.feed, 0
        yield _BOUNDARY
        with suppress(FeedClosed):
            while True:
                if not await feed.until_newer(seen, AGAIN):
                    server.sessions.watched(session.watch)  # or nobody might notice that its time is over
                    if not feed.newest:
                        continue
                seen = feed.number
                yield _part(await feed.jpeg(partial(convert, session.owner)))

    @router.get(WATCHED + "{token}.mjpg", response_class=Response, responses={200: {"content": {FRAMES.split(";")[0]: {}}}})
    @door(key=False)
    async def watch(request: Request, token: str) -> Response:
        """What a live session paints, as it is painted: Motion JPEG, for players, and for `img` in a page."""
        session = found(token)
        headers = {**_NEVER, "Content-Type": FRAMES}
        if request.scope.get(HEAD):
            return Response(headers=headers)
        return _Watching(frames(request, session), room, session, headers)

    @router.get(WATCHED + "{token}.jpg", response_class=Response, responses={200: {"content": {JPEG: {}}}})
    @door(key=False)
    async def look(token: str) -> Response:
        """The newest image of a live session."""
        session = found(token)
        feed: Feed = session.feed
        if not feed.newest:
            raise ApiError(503, "nothing is painted in this session just now; try again in 1 s", "not_painting", retry_after=1)
        return Response(await feed.jpeg(partial(convert, session.owner)), media_type=JPEG, headers=_NEVER)

    return router


def _part(image: bytes) -> bytes:
    # the boundary behind it tells the reader at once that it is whole
    return b"Content-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%b\r\n%b" % (len(image), image, _BOUNDARY)


def _as_jpeg(image: bytes, marked: bool) -> bytes:
    picture = codec.walk(image)
    return codec.encode(codec.decode(picture, picture.width, picture.height), "jpeg", QUALITY, marked=marked)
