"""A live stream from Python: frames in, painted frames out, never more than a window of them under way.

What `connect` is built on, for who wants each answer as it comes: a load, a soak, an experiment.

    async with Stream("http://127.0.0.1:8000", prompt="a lighthouse, watercolor") as stream:
        await stream.send(jpeg)
        answer = await stream.receive()
"""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from .address import stream_url
from .connection import RESUME_WITHIN, backoff, open_stream
from .errors import BadParams, Ended, Gone, Refused, StreamError, from_close
from .protocol import wire


@dataclass(frozen=True, slots=True)
class Problem:
    """An error that the stream survives. With an `id` it is the answer to that frame.

    `code` is the server's, or one of this client's own: "lost" (the connection dropped before the frame was answered)
    and "unasked" (an answer to a frame that was not waiting for one).
    """

    code: str
    message: str
    id: int | None = None


Answer = wire.FrameOut | Problem


class Stream:
    """One live stream. Use it with `async with`; send and receive from as many tasks as you like.

    `params` are any of the protocol's (seed, strength, format ...), as keywords. `key` is sent as a bearer token. With
    `reconnect`, a dropped connection is taken up again for 30 s, with the parameters it had, and each frame that was under
    way is answered by a Problem with code "lost".

    Entering raises Refused, Full, Gone or BadParams. Answers that nobody receives are kept, so read what you send.
    """

    def __init__(
        self,
        url: str,
        prompt: str | list[dict[str, Any]] | None = None,
        *,
        key: str | None = None,
        student: str | None = None,
        reconnect: bool = False,
        open_timeout: float = 10.0,
        **params: Any,
    ) -> None:
        self.url = url
        self.session = ""
        self.student = student or ""
        self.width = self.height = 0
        self.window = 0
        self._asked_student = student
        self._key = key
        self._reconnect = reconnect
        self._open_timeout = open_timeout
        self._wanted: dict[str, Any] = params if prompt is None else {**params, "prompt": prompt}
        self._in_force: dict[str, Any] = {}
        self._ready: dict[str, Any] = {}
        self._socket: ClientConnection | None = None
        self._reader: asyncio.Task[None] | None = None
        self._next_id = 1
        self._sent: dict[int, float] = {}
        self._inbox: deque[tuple[Answer, float]] = deque()
        self._changes: deque[tuple[dict[str, Any], asyncio.Future[dict[str, Any]]]] = deque()
        self._waiting: list[asyncio.Future[None]] = []
        self._failure: StreamError | None = None

    async def __aenter__(self) -> Self:
        self._socket = await self._connect(resume=None)
        self._reader = asyncio.create_task(self._read(), name="stream reader")
        try:
            if self._wanted:
                await self.params(**self._wanted)
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Answer:
        try:
            return await self.receive()
        except Ended:
            raise StopAsyncIteration from None

    @property
    def unanswered(self) -> int:
        """Frames sent and not answered yet."""
        return len(self._sent)

    @property
    def has_room(self) -> bool:
        """Whether `send` would send at once."""
        return self._socket is not None and len(self._sent) < self.window

    @property
    def in_force(self) -> dict[str, Any]:
        """The parameters that the server last said are in force."""
        return self._in_force

    @property
    def ready(self) -> dict[str, Any]:
        """What the server last greeted with."""
        return self._ready

    async def send(self, image: bytes, numbered: Callable[[int], None] = lambda frame_id: None) -> int:
        """Send an encoded image (JPEG, WebP or PNG), waiting while the window is full. The frame's id.

        `numbered` is told the id before a byte is sent, and so before there can be an answer. Raises a StreamError once the
        stream has ended.
        """
        await self._until(lambda: self.has_room)
        assert self._socket is not None
        frame_id, self._next_id = self._next_id, self._next_id + 1
        self._sent[frame_id] = time.perf_counter()
        numbered(frame_id)
        try:
            await self._socket.send(wire.FrameIn(frame_id, image).encode())
        except ConnectionClosed:
            # the reader sees the same end: it marks this frame lost and reconnects, or says why the stream has ended
            if not self._reconnect:
                await self._until(lambda: False)
        return frame_id

    async def receive(self) -> Answer:
        """The next answer, as soon as there is one. Raises a StreamError when the stream has ended and none are left."""
        return (await self.receive_timed())[0]

    async def receive_timed(self) -> tuple[Answer, float]:
        """The next answer and the seconds from its frame's sending to its arrival (0 for what answers no frame)."""
        await self._until(lambda: bool(self._inbox))
        return self._inbox.popleft()

    async def params(self, **changes: Any) -> dict[str, Any]:
        """Change parameters; what is in force afterwards. Raises BadParams and keeps the old ones if the server refuses."""
        await self._until(lambda: self._socket is not None)
        assert self._socket is not None
        future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._changes.append((changes, future))
        with contextlib.suppress(ConnectionClosed):
            await self._socket.send(wire.encode_text({"type": "params", **changes}))
        return await future

    async def settle(self, seconds: float) -> int:
        """Wait for what is still unanswered, at most so many seconds. How many frames remain without an answer."""
        with contextlib.suppress(TimeoutError, StreamError):
            async with asyncio.timeout(seconds):
                await self._until(lambda: not self._sent)
        return len(self._sent)

    async def close(self) -> None:
        """Close the stream. Idempotent; frames still under way stay unanswered."""
        self._reconnect = False
        socket = self._socket
        self._end(Ended("the stream was closed"))
        if socket is not None:
            await socket.close()
        elif self._reader is not None:
            self._reader.cancel()
        if self._reader is not None:
            with contextlib.suppress(asyncio.CancelledError):
                await self._reader

    async def _connect(self, resume: str | None) -> ClientConnection:
        url = stream_url(self.url, self._asked_student, resume)
        socket, ready = await open_stream(url, self._key, self._open_timeout)
        self._ready = ready
        self.session, self.student, self.window = ready["session"], ready["student"], ready["window"]
        self.width, self.height, self._in_force = ready["width"], ready["height"], ready["params"]
        return socket

    async def _read(self) -> None:
        """The only reader of the socket: sorts what arrives, and brings the stream back if it may."""
        error: StreamError = Gone("the stream's reader stopped")
        try:
            while (socket := self._socket) is not None:
                error = await self._read_until_closed(socket)
                if not self._reconnect or not isinstance(error, Gone):
                    break
                self._lose_frames(error)
                self._socket = await self._come_back(error)
                await self._resend_changes(self._socket)
                self._wake()
        except StreamError as failed:
            error = failed
        finally:
            self._end(error)

    async def _read_until_closed(self, socket: ClientConnection) -> StreamError:
        try:
            while True:
                self._arrived(await socket.recv())
        except ConnectionClosed as closed:
            return from_close(closed)
        except (wire.WireError, KeyError) as broken:
            await socket.close()
            return Refused(f"the server broke the protocol: {broken}")

    def _arrived(self, message: str | bytes) -> None:
        if isinstance(message, bytes):
            frame = wire.FrameOut.decode(message)
            self._answered(frame, frame.id)
            return
        text = wire.decode_text(message)
        if text["type"] == "params":
            self._in_force = {name: value for name, value in text.items() if name != "type"}
            if self._changes:
                changes, future = self._changes.popleft()
                self._wanted |= changes
                if not future.done():
                    future.set_result(self._in_force)
        elif text["type"] == "error":
            self._complained(Problem(str(text["code"]), str(text["message"]), text.get("id")))

    def _complained(self, problem: Problem) -> None:
        if problem.id is not None:
            self._answered(problem, problem.id)
        elif self._changes:
            # params messages are the only thing this client sends, besides frames, that a server can find fault with
            future = self._changes.popleft()[1]
            if not future.done():
                future.set_exception(BadParams(problem.code, problem.message))
        else:
            self._deliver(problem, 0.0)

    def _answered(self, answer: Answer, frame_id: int) -> None:
        sent = self._sent.pop(frame_id, None)
        if sent is None:
            self._deliver(Problem("unasked", f"frame {frame_id} was answered without waiting for an answer"), 0.0)
        else:
            self._deliver(answer, time.perf_counter() - sent)

    def _deliver(self, answer: Answer, seconds: float) -> None:
        self._inbox.append((answer, seconds))
        self._wake()

    def _lose_frames(self, error: StreamError) -> None:
        self._socket = None
        for frame_id in list(self._sent):
            self._answered(Problem("lost", f"the connection dropped before an answer: {error.reason}", frame_id), frame_id)

    async def _come_back(self, error: StreamError) -> ClientConnection:
        """A new connection for the same session, or for a new one with the same parameters. Raises Gone or Refused."""
        before, resume = self.session, True
        for delay in backoff():
            await asyncio.sleep(delay)
            try:
                socket = await self._connect(resume=before if resume else None)
            except Refused:
                if not resume:
                    raise
                resume = False  # the server no longer knows the session; a new one will do
            except StreamError as failed:
                error = failed
            else:
                if self.session != before and self._wanted:
                    nobody_asks: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
                    nobody_asks.add_done_callback(lambda future: future.exception())
                    self._changes.appendleft((dict(self._wanted), nobody_asks))
                return socket
        raise Gone(f"could not come back within {RESUME_WITHIN:.0f} s: {error.reason}")

    async def _resend_changes(self, socket: ClientConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            for changes, _ in self._changes:
                await socket.send(wire.encode_text({"type": "params", **changes}))

    async def _until(self, true: Callable[[], bool]) -> None:
        while not true():
            if self._failure is not None:
                raise self._failure
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(future)
            await future

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    def _end(self, error: StreamError) -> None:
        self._failure = self._failure or error
        self._socket = None
        while self._changes:
            future = self._changes.popleft()[1]
            if not future.done():
                future.set_exception(self._failure)
        self._wake()
