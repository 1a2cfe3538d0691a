"""Watching a session that paints, by a player of films as OBS and VLC have it, through the real server."""

import asyncio
from typing import Any

import av
import pytest

from .conftest import Server


def look(url: str, pictures: int) -> list[tuple[int, int]]:
    """Sizes of so many pictures of a feed, as FFmpeg finds them."""
    found: list[tuple[int, int]] = []
    with av.open(url, format="mpjpeg", timeout=20) as container:
        for frame in container.decode(video=0):
            found.append((frame.width, frame.height))
            if len(found) == pictures:
                break
    return found


@pytest.mark.parametrize("image_format", ["jpeg", "webp"])
async def test_a_player_watches(server: Server, encoded: Any, image_format: str) -> None:
    """A player finds pictures in the feed while the session paints, whatever its format; and it is over with the session."""
    async with server.live() as live:
        await live.params(similarity=None, format=image_format)
        url = f"{server.url}/v1/sessions/{live.ready['watch']}.mjpg"
        watching = asyncio.ensure_future(asyncio.to_thread(look, url, 5))
        number = 0
        while not watching.done():
            assert (await live.paint(number, encoded(seed=number))).kind == 1
            number += 1
            await asyncio.sleep(0.02)
        assert await watching == [(256, 256)] * 5
    await server.metric_becomes(0, "allaprima_watchers")
