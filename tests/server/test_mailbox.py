"""A mailbox holds one item, the newest."""

import asyncio

import pytest

from server.mailbox import Mailbox


async def test_take_returns_what_was_put() -> None:
    """take returns an item that is already there."""
    box: Mailbox[int] = Mailbox()
    assert box.put(1) is None
    assert await box.take() == 1


async def test_the_newest_wins() -> None:
    """put returns the item it pushed out, and take gives the newest."""
    box: Mailbox[int] = Mailbox()
    assert [box.put(item) for item in (1, 2, 3)] == [None, 1, 2]
    assert await box.take() == 3


async def test_take_waits() -> None:
    """take waits for an item that is put later."""
    box: Mailbox[int] = Mailbox()
    taking = asyncio.ensure_future(box.take())
    await asyncio.sleep(0)
    assert not taking.done()
    box.put(1)
    assert await taking == 1


async def test_an_item_is_taken_once() -> None:
    """What was taken is gone."""
    box: Mailbox[int] = Mailbox()
    box.put(1)
    await box.take()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(box.take(), 0.01)


async def test_a_cancelled_take_loses_nothing() -> None:
    """An item put after a take was cancelled waits for the next."""
    box: Mailbox[int] = Mailbox()
    taking = asyncio.ensure_future(box.take())
    await asyncio.sleep(0)
    taking.cancel()
    box.put(1)
    assert await box.take() == 1


async def test_falsy_items() -> None:
    """An item is an item, be it 0."""
    box: Mailbox[int] = Mailbox()
    box.put(0)
    assert box.put(1) == 0
