"""Users to fill the dashboards with: patient ones, impatient ones, programs, and some who do it wrong."""

import asyncio
import contextlib
import itertools
import time
from collections.abc import Awaitable, Sequence
from typing import Any

import httpx
from allaprima import sources
from allaprima.errors import StreamError
from allaprima.stream import Stream
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from wire import FrameIn

SIDE = 256


def still_scene() -> list[bytes]:
    return sources.still(SIDE, SIDE)


def moving_scene() -> list[bytes]:
    return sources.moving(SIDE, SIDE)


def broken_scene() -> list[bytes]:
    """Frames that end too soon."""
    return [frame[: len(frame) // 3] for frame in moving_scene()]


async def user(port: int, frames: Sequence[bytes], seconds: float, fps: float = 15.0, **params: Any) -> None:
    """A live user with a camera. A server that is full is not the user's fault, nor ours."""
    with contextlib.suppress(StreamError):
        async with Stream(f"ws://127.0.0.1:{port}", **params) as stream:
            reading = asyncio.create_task(_read(stream))
            began = time.monotonic()
            for count, frame in enumerate(itertools.cycle(frames)):
                if (ahead := began + count / fps - time.monotonic()) > 0:
                    await asyncio.sleep(ahead)
                if time.monotonic() > began + seconds:
                    break
                if stream.has_room:
                    await stream.send(frame)
            await stream.settle(5.0)
            reading.cancel()


async def _read(stream: Stream) -> None:
    async for _ in stream:
        pass


async def impatient_user(port: int, seconds: float, burst: int = 6, every: float = 0.5) -> None:
    """A live user who ignores the window: bursts of frames, of which the newest win."""
    frames = itertools.cycle(moving_scene())
    numbers = itertools.count(1)
    url = f"ws://127.0.0.1:{port}/v1/stream"
    async with connect(url, subprotocols=[Subprotocol("allaprima.v1")], compression=None, proxy=None) as socket:
        reading = asyncio.create_task(_drain(socket))
        for _ in range(max(1, round(seconds / every))):
            for _ in range(burst):
                await socket.send(FrameIn(next(numbers), next(frames)).encode())
            await asyncio.sleep(every)
        reading.cancel()


async def _drain(socket: Any) -> None:
    async for _ in socket:
        pass


async def stills(port: int, seconds: float, every: float = 0.5, at_once: int = 1, **body: Any) -> list[int]:
    """A program that asks for images; the status of each answer."""
    statuses: list[int] = []
    asked = {"prompt": "a red heart on a cyan background, neon", "output_format": "jpeg", **body}
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30.0, trust_env=False) as http:
        for _ in range(max(1, round(seconds / every))):
            next_one = time.monotonic() + every
            answers = await asyncio.gather(*(http.post("/v1/images/generations", json=asked) for _ in range(at_once)))
            statuses += [answer.status_code for answer in answers]
            await asyncio.sleep(max(0.0, next_one - time.monotonic()))
    return statuses


async def later(seconds: float, what: Awaitable[Any]) -> None:
    """Begin after some seconds."""
    await asyncio.sleep(seconds)
    await what
