"""The same without `async`: every word of `allaprima`, for a script that does one thing after another.

from allaprima.sync import connect

with connect("http://127.0.0.1:8000") as live:
    for image in live.paint(frames, prompt="watercolor"):
        image.save("painted.jpg")
"""

import asyncio
import threading
from collections.abc import AsyncGenerator, Coroutine, Iterator
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Self, TypeVar

from . import live as asynchronous
from .frames import Frames
from .live import URL, Counts
from .pictures import Painted, Still
from .stills import blocking_stills as stills

__all__ = ["Live", "connect", "stills"]

T = TypeVar("T")
_END: Any = object()


def connect(
    url: str = URL,
    *,
    key: str | None = None,
    student: str | None = None,
    reconnect: bool = True,
    timeout: float = 10.0,
    **params: Any,
) -> "Live":
    """A live session, for `with`. Options and errors are those of `allaprima.connect`."""
    return Live(asynchronous.connect(url, key=key, student=student, reconnect=reconnect, timeout=timeout, **params))


class Live:
    """A live session whose connection is looked after by a thread of its own. Use it from one thread at a time."""

    def __init__(self, live: asynchronous.Live) -> None:
        self._live = live
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._painting: AsyncGenerator[Painted, None] | None = None

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="allaprima", daemon=True)
        self._thread.start()
        try:
            self._run(self._live.__aenter__())
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End the session, and a loop that was left without being closed. Idempotent."""
        if self._loop is not None:
            try:
                self._leave()
                self._run(self._live.close())
            finally:
                self._end()

    @property
    def student(self) -> str:
        """The name of the student that paints."""
        return self._live.student

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of what it paints, in pixels."""
        return self._live.size

    @property
    def params(self) -> dict[str, Any]:
        """The params in force."""
        return self._live.params

    @property
    def ready(self) -> dict[str, Any]:
        """All that the server greeted with."""
        return self._live.ready

    @property
    def watch_url(self) -> str:
        """The address at which others may watch this session."""
        return self._live.watch_url

    @property
    def counts(self) -> Counts:
        """What became of the frames so far."""
        return self._live.counts

    @property
    def trouble(self) -> str:
        """Why the last frame that was not painted was not; empty if all were."""
        return self._live.trouble

    def change(self, **params: Any) -> dict[str, Any]:
        """Change params, from the next frame on; all that are then in force. Raises BadParams and keeps the old ones."""
        return self._run(self._live.change(**params))

    def stills(self, prompt: str, **options: Any) -> list[Still]:
        """Images from words alone, by the same student."""
        return self._run(self._live.stills(prompt, **options))

    def paint(self, frames: Frames, *, every: bool | None = None, **params: Any) -> Iterator[Painted]:
        """Paint frames and give the images in order: see `allaprima.Live.paint`. Frames are read by another thread."""
        painting = self._live.paint(frames, every=every, **params)
        if self._painting is None:
            self._painting = painting
        try:
            while (image := self._run(_next(painting))) is not _END:
                yield image
        finally:
            if self._painting is painting:  # or the session was closed meanwhile, and the painting with it
                self._leave()

    def _leave(self) -> None:
        painting, self._painting = self._painting, None
        if painting is not None:
            self._run(_left(painting))

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        if self._loop is None:
            work.close()
            raise RuntimeError("the session is not open: use it within `with connect(...) as live:`")
        future: Future[T] = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()  # of who was interrupted while waiting
            raise

    def _end(self) -> None:
        loop, thread, self._loop, self._thread = self._loop, self._thread, None, None
        assert loop is not None
        assert thread is not None
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


async def _next(painting: AsyncGenerator[Painted, None]) -> Any:
    return await anext(painting, _END)


async def _left(painting: Any) -> None:
    while painting.ag_running:  # noqa: ASYNC110 - of who was interrupted, and only until that is cancelled
        await asyncio.sleep(0)
    await painting.aclose()
