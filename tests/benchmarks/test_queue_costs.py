"""What the queue's scripts cost Redis: each is run on a real server, and what all signs of life take is their sum."""

import pytest

from benchmarks import queue_costs
from benchmarks.redis_server import NoServer, find_server


def test_each_script_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    """Frames of two sizes, taken alone and together, and fleets of as many sizes as one says."""
    try:
        find_server()
    except NoServer as why:
        pytest.skip(str(why))
    assert queue_costs.main(["--frames", "8", "--beats", "2", "--workers", "1", "2"]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|") and "---" not in line]
    assert len(lines) == 1 + 4 + 1 + 2


def test_all_signs_of_life() -> None:
    """Every front end and every worker gives five a second."""
    assert queue_costs.Life(workers=100, front_ms=0.4, worker_ms=0.05).share(fronts=10) == pytest.approx(0.045)
