"""A feed shows the newest image to whoever watches, at whatever pace they come."""

import asyncio

import pytest

from server.feed import Feed, FeedClosed

JPEG = b"\xff\xd8 a picture"


async def test_the_newest() -> None:
    """Whoever comes late finds the newest image, and waits for one that is newer."""
    feed = Feed()
    assert not await feed.until_newer(0, 0.01)
    for number in (1, 2, 3):
        feed.show(b"%d" % number)
    assert await feed.until_newer(0, 10)
    assert (feed.newest, feed.number) == (b"3", 3)
    waiting = asyncio.ensure_future(feed.until_newer(3, 10))
    await asyncio.sleep(0)
    feed.show(b"4")
    assert await waiting


async def test_all_who_watch_are_woken() -> None:
    """One image wakes everybody, and the end does, too."""
    feed = Feed()
    waiting = [asyncio.ensure_future(feed.until_newer(0, 10)) for _ in range(3)]
    await asyncio.sleep(0)
    feed.show(JPEG)
    assert await asyncio.gather(*waiting) == [True] * 3
    waiting = [asyncio.ensure_future(feed.until_newer(1, 10)) for _ in range(3)]
    await asyncio.sleep(0)
    feed.close()
    for one in waiting:
        with pytest.raises(FeedClosed):
            await one


async def test_nothing_while_nobody_paints() -> None:
    """What was painted before a connection was lost is shown no more, and what comes after it is."""
    feed = Feed()
    feed.show(JPEG)
    feed.pause()
    assert not await feed.until_newer(0, 0.01)
    feed.show(JPEG)
    assert await feed.until_newer(1, 10)


async def test_converted_once_for_all() -> None:
    """An image of another format is made a JPEG once, however many watch; a JPEG is what it is."""
    feed, made = Feed(), []

    async def convert(image: bytes) -> bytes:
        made.append(image)
        await asyncio.sleep(0)
        return JPEG + image

    feed.show(b"webp")
    assert await asyncio.gather(*(feed.jpeg(convert) for _ in range(3))) == [JPEG + b"webp"] * 3
    feed.show(b"png")
    assert await feed.jpeg(convert) == JPEG + b"png"
    feed.show(JPEG)
    assert await feed.jpeg(convert) == JPEG
    assert made == [b"webp", b"png"]
