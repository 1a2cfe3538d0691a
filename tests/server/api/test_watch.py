"""Watching over HTTP: one feed for players, bounded, and of one session's token only."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from server import codec
from server.api import watch
from server.types import Ending

from .conftest import client, refusals

PARTS = re.compile(rb"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: (\d+)\r\n\r\n")


class Watching:
    """One who watches: what was answered so far."""

    def __init__(self, app: Any, path: str, method: str = "GET") -> None:
        self.status, self.headers, self.body, self.over = 0, dict[str, str](), b"", False
        self._may_go_on = asyncio.Event()
        self._may_go_on.set()
        self._gone = asyncio.Event()
        scope = {
            "type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": b"",
            "headers": [(b"host", b"localhost")], "client": ("192.0.2.1", 1),
        }  # fmt: skip
        self.task = asyncio.ensure_future(app(scope, self._receive, self._send))

    async def _receive(self) -> Any:
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        await self._may_go_on.wait()
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            self.body += message.get("body", b"")
            self.over = not message.get("more_body", False)

    def images(self) -> list[bytes]:
        """The parts that came whole."""
        found = []
        for part in PARTS.finditer(self.body):
            image = self.body[part.end() : part.end() + int(part[1])]
            if self.body[part.end() + int(part[1]) :].startswith(b"\r\n--frame\r\n"):
                found.append(image)
        return found

    def stall(self) -> None:
        self._may_go_on.clear()

    def read_on(self) -> None:
        self._may_go_on.set()

    async def leave(self) -> None:
        self._gone.set()
        self._may_go_on.set()
        await self.task

    async def until(self, true: Any) -> None:
        async with asyncio.timeout(20):
            while not true():  # noqa: ASYNC110
                await asyncio.sleep(0.005)


@asynccontextmanager
async def painting(server: Any) -> AsyncIterator[Any]:
    """A session with somebody in it."""
    session = await server.sessions.enter("me", None, lambda: server.served(None).make_session("me"))
    yield session
    server.sessions.end_watching()


async def test_each_image_as_it_is_painted(make: Any, encoded: Any) -> None:
    """Who watches gets every image it is quick enough for, as parts that are whole at once, and the end with the session."""
    app, server = await make(resume_seconds="0")
    async with painting(server) as session:
        one = Watching(app, f"/v1/sessions/{session.watch}.mjpg")
        for seed in range(3):
            session.feed.show(encoded(seed=seed))
            await one.until(lambda seed=seed: len(one.images()) == seed + 1)
        assert one.images() == [encoded(seed=seed) for seed in range(3)]
        assert one.headers["content-type"] == "multipart/x-mixed-replace; boundary=frame"
        assert one.headers["cache-control"] == "no-store"
        assert server.metrics.registry.get_sample_value("allaprima_watchers") == 1
        server.sessions.leave(session, Ending.LEFT)
        await one.task
        assert one.over
    assert server.metrics.registry.get_sample_value("allaprima_watchers") == 0


async def test_a_slow_one_holds_up_nobody(make: Any, encoded: Any) -> None:
    """For one who does not read, images are left out; the others get theirs meanwhile."""
    app, server = await make()
    async with painting(server) as session:
        path = f"/v1/sessions/{session.watch}.mjpg"
        slow, quick = Watching(app, path), Watching(app, path)
        session.feed.show(encoded(seed=0))
        await slow.until(lambda: slow.images() and quick.images())
        slow.stall()
        for seed in range(1, 6):
            session.feed.show(encoded(seed=seed))
            await quick.until(lambda seed=seed: quick.images()[-1] == encoded(seed=seed))
        slow.read_on()
        await slow.until(lambda: slow.images()[-1] == encoded(seed=5))
        assert len(slow.images()) <= 3 < len(quick.images())
        await slow.leave()
        await quick.leave()


async def test_again_while_nothing_moves(make: Any, encoded: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """While nothing new is painted, the newest image comes again now and then."""
    monkeypatch.setattr(watch, "AGAIN", 0.01)
    app, server = await make()
    async with painting(server) as session:
        session.feed.show(encoded())
        one = Watching(app, f"/v1/sessions/{session.watch}.mjpg")
        await one.until(lambda: len(one.images()) >= 3)
        assert set(one.images()) == {encoded()}
        await one.leave()


async def test_other_formats(make: Any, encoded: Any) -> None:
    """Of a session that is sent PNG or WebP, those who watch see JPEG."""
    app, server = await make()
    async with painting(server) as session:
        session.feed.show(encoded(image_format="WEBP"))
        answer = await client(app).get(f"/v1/sessions/{session.watch}.jpg")
    assert answer.headers["content-type"] == "image/jpeg"
    assert codec.walk(answer.content).format == "JPEG"


async def test_one_image(make: Any, encoded: Any) -> None:
    """The newest image alone is a file like any other; before there is one, it says when to ask again."""
    app, server = await make()
    async with painting(server) as session:
        path = f"/v1/sessions/{session.watch}.jpg"
        none = await client(app).get(path)
        assert (none.status_code, none.headers["retry-after"]) == (503, "1")
        session.feed.show(encoded(seed=7))
        answer = await client(app).get(path)
        assert (answer.status_code, answer.content) == (200, encoded(seed=7))
        assert answer.headers["cache-control"] == "no-store"


async def test_without_a_key(make: Any, encoded: Any) -> None:
    """The token is what lets watch: players cannot show a key. It lets nobody in, and nobody guesses it."""
    app, server = await make(api_keys="right")
    async with painting(server) as session:
        session.feed.show(encoded())
        assert (await client(app).get(f"/v1/sessions/{session.watch}.jpg")).status_code == 200
        for other in ("guessed", session.token, session.name):
            for kind in ("jpg", "mjpg"):
                answer = await client(app).get(f"/v1/sessions/{other}.{kind}")
                assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


async def test_no_more_than_there_is_room_for(make: Any, caplog: pytest.LogCaptureFixture) -> None:
    """So many may watch one session, and so many all of them; the next one is told when to try again, and leaves room."""
    app, server = await make(max_watchers="3", max_watchers_per_session="2")
    async with painting(server) as first, painting(server) as second:
        watching = [Watching(app, f"/v1/sessions/{session.watch}.mjpg") for session in (first, first, second)]
        await watching[0].until(lambda: all(one.status == 200 for one in watching))
        with caplog.at_level("INFO"):
            for session in (first, second):
                refused = Watching(app, f"/v1/sessions/{session.watch}.mjpg")
                await refused.task
                assert (refused.status, refused.headers["retry-after"]) == (429, "5")
                assert b"--max-watchers-per-session" in refused.body
        assert refusals(server, "full") == 2
        assert first.watch not in caplog.text
        await watching[0].leave()
        again = Watching(app, f"/v1/sessions/{first.watch}.mjpg")
        await again.until(lambda: again.status == 200)
        for one in (*watching[1:], again):
            await one.leave()


async def test_asked_for_its_headers_only(make: Any) -> None:
    """HEAD is answered at once, though a GET would go on."""
    app, server = await make()
    async with painting(server) as session:
        one = Watching(app, f"/v1/sessions/{session.watch}.mjpg", "HEAD")
        await asyncio.wait_for(one.task, 20)
        assert (one.status, one.headers["content-type"]) == (200, "multipart/x-mixed-replace; boundary=frame")
