"""Files: pictures kept for a time, within bytes, and nobody's by another's doing."""

import asyncio

import pytest

from server.files import Files


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_kept() -> None:
    """A picture is there under its name, which is long and no other's, until its time is over."""
    clock = Clock()
    files = Files(60, 100, clock)
    names = files.put("me", [b"one", b"two"], "png", "image/png") or []
    assert len(set(names)) == 2
    assert all(len(name) >= 32 and name.endswith(".png") for name in names)
    clock.now = 59.9
    kept = files.get(names[0])
    assert kept is not None
    assert (kept.data, kept.kind) == (b"one", "image/png")
    clock.now = 60
    assert files.get(names[0]) is files.get("nothing") is None
    assert files.size == 0


async def test_what_nobody_fetches_goes_too() -> None:
    """Memory is given back when a picture's time is over, though nobody asks for any."""
    files = Files(0.02, 100)
    files.put("me", [b"x"], "png", "image/png")
    await asyncio.sleep(0.01)
    files.put("me", [b"y"], "png", "image/png")
    for _ in range(1000):
        if not files.size:
            return
        await asyncio.sleep(0.005)
    pytest.fail("they are still kept")


async def test_who_has_most_makes_room() -> None:
    """Where there is no room, the oldest of who has most goes, and nobody else's."""
    files = Files(60, 100)
    [other] = files.put("other", [b"x" * 20], "png", "image/png") or []
    mine = [name for _ in range(5) for name in files.put("me", [b"x" * 20], "png", "image/png") or []]
    assert files.get(other) is not None
    assert [files.get(name) is not None for name in mine] == [False, True, True, True, True]
    assert files.size == 100


async def test_more_than_there_is_room_for() -> None:
    """Pictures that have no room even alone are not kept, and push nobody out; those of one answer stay together."""
    files = Files(60, 100)
    [kept] = files.put("me", [b"x" * 30], "png", "image/png") or []
    assert files.put("me", [b"x" * 60, b"x" * 60], "png", "image/png") is None
    assert files.get(kept) is not None
    names = files.put("other", [b"x" * 25] * 4, "png", "image/png") or []
    assert all(files.get(name) is not None for name in names)
