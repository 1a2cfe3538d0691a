"""Memory that is freed goes back to the system, where there is one that has it."""

import sys
from pathlib import Path

import numpy as np
import pytest

from server.memory import give_back


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_given_back() -> None:
    """What many small pieces left behind is not the process's any more; where nothing can be given back, nothing is."""

    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

    give_back()
    before = resident()
    pieces = [np.ones(100_000, np.uint8) for _ in range(500)]
    kept = pieces[-1]
    assert resident() - before > 30_000_000
    pieces.clear()
    give_back()
    assert resident() - before < 20_000_000
    assert kept.all()
