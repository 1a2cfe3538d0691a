"""Work that many ask for: done once for all who wait, never stale, and with rests."""

import asyncio

import pytest

from server.shared_work import SharedWork


async def test_one_for_all_who_wait() -> None:
    """However many ask at once, and while it is made, it is made once for those before and once for those after."""
    made: list[int] = []
    going = asyncio.Event()

    async def make() -> int:
        made.append(len(made))
        await going.wait()
        return made[-1]

    work = SharedWork(make)
    first = [asyncio.ensure_future(work.get()) for _ in range(100)]
    while not made:  # noqa: ASYNC110
        await asyncio.sleep(0)
    later = [asyncio.ensure_future(work.get()) for _ in range(100)]
    going.set()
    assert set(await asyncio.gather(*first)) == {0}
    assert set(await asyncio.gather(*later)) == {1}


async def test_one_who_goes_away() -> None:
    """Whoever stops waiting takes nothing from the others."""

    async def make() -> str:
        await asyncio.sleep(0.01)
        return "made"

    work = SharedWork(make)
    one, other = asyncio.ensure_future(work.get()), asyncio.ensure_future(work.get())
    await asyncio.sleep(0)
    one.cancel()
    assert await other == "made"


async def test_a_fault() -> None:
    """A fault is everybody's who waited, and the next one who asks gets another try."""
    faults = [ValueError("no")]

    async def make() -> str:
        if faults:
            raise faults.pop()
        return "made"

    work = SharedWork(make)
    assert all(isinstance(r, ValueError) for r in await asyncio.gather(work.get(), work.get(), return_exceptions=True))
    assert await work.get() == "made"


async def test_rests() -> None:
    """Between two results there is a rest of some times as long as the last one took."""
    loop = asyncio.get_running_loop()
    times: list[float] = []

    async def make() -> None:
        times.append(loop.time())
        await asyncio.sleep(0.05)

    work = SharedWork(make)
    await work.get()
    await work.get()
    assert times[1] - times[0] >= 0.2 == pytest.approx(0.2)
