"""Memory that is freed goes back to the system, where there is one that has it."""

import sys
import time

import numpy as np
import pytest

from server.memory import Trimmer, give_back, resident

PATIENCE = 20.0


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_given_back() -> None:
    """What many small pieces left behind is not the process's any more; where nothing can be given back, nothing is."""
    give_back()
    before = resident()
    pieces = [np.ones(100_000, np.uint8) for _ in range(500)]
    kept = pieces[-1]
    assert resident() - before > 30_000_000
    pieces.clear()
    give_back()
    assert resident() - before < 20_000_000
    assert kept.all()


def test_looked_after() -> None:
    """Memory is given back while the process holds some megabytes more than it did; less often the longer that is in use."""
    mib, trims = 1 << 20, list[int]()
    holds = [50]  # it reads this at the beginning, at each look, and after giving back

    def held() -> int:
        return holds.pop(0) * mib

    trimmer = Trimmer(held, lambda: trims.append(1))

    def look(*read: int) -> int:
        holds.extend(read)
        trimmer.look()
        assert not holds
        return len(trims)

    assert [look(52), look(80, 75), look(75, 70)] == [0, 1, 2]
    assert [look(70, 70), look(70), look(70, 70), look(70), look(70), look(70), look(70, 52)] == [3, 3, 4, 4, 4, 4, 5]
    assert [look(52), look(70, 70)] == [5, 6]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_looked_after_by_itself() -> None:
    """While the process runs, what it freed is given back without anybody asking."""
    trims: list[int] = []
    trimmer = Trimmer(trim=lambda: trims.append(1))
    trimmer.start()
    try:
        grown = np.ones(50_000_000, np.uint8)
        until = time.monotonic() + PATIENCE
        while not trims and time.monotonic() < until:
            time.sleep(0.05)
        assert trims
        assert grown.all()
    finally:
        trimmer.stop()
