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
    """Memory is given back when the process has grown by some megabytes, once: what is then still held is needed."""
    mib, trims = 1 << 20, list[int]()
    holds = [50]  # it reads this at the beginning, at each look, and after giving back

    def held() -> int:
        return holds.pop(0) * mib

    trimmer = Trimmer(held, lambda: trims.append(1))
    for read, times in (([52], 0), ([80, 75], 1), ([76], 1), ([60], 1), ([67], 1), ([69, 61], 2)):
        holds += read
        trimmer.look()
        assert (len(trims), holds) == (times, [])


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
