"""Frames from whatever a caller has them in, one at a time, read and encoded off the event loop."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from .pictures import Frame, encoded

Frames = AsyncIterable[Frame] | Iterable[Frame]

_END: Any = object()


async def encoded_frames(frames: Frames, width: int, height: int) -> AsyncGenerator[bytes, None]:
    """Each frame as bytes to send. A camera blocks until it has one, so iterators are read by a thread, always the same."""
    loop = asyncio.get_running_loop()
    reader = ThreadPoolExecutor(1, "frames")
    try:
        async for frame in _one_by_one(frames, reader):
            yield await loop.run_in_executor(reader, encoded, frame, width, height)
    finally:
        reader.shutdown(wait=False, cancel_futures=True)


async def _one_by_one(frames: Frames, reader: ThreadPoolExecutor) -> AsyncGenerator[Frame, None]:
    if isinstance(frames, AsyncIterable):
        async for frame in frames:
            yield frame
        return
    if isinstance(frames, str | bytes) or not isinstance(frames, Iterable):
        raise TypeError(f"give frames one after another, as a list of them or an iterator, not {type(frames).__name__}")
    loop, iterator = asyncio.get_running_loop(), iter(frames)
    while (frame := await loop.run_in_executor(reader, next, iterator, _END)) is not _END:
        yield frame
