"""The batcher: who shares a tick with whom, and how many rows are worth one."""

from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest

from server.batcher import Shares, best_size
from server.types import JobKind

LIVE, STILL = JobKind.LIVE, JobKind.STILL


def _jobs(kind: JobKind, count: int, steps: int = 1) -> list[Any]:
    return [SimpleNamespace(kind=kind, steps=range(steps), number=number) for number in range(count)]


def _kinds(shares: Shares, live: list[Any], stills: list[Any], count: int) -> list[JobKind]:
    return [job.kind for job in shares.choose({LIVE: live, STILL: stills}, count)]


@pytest.mark.parametrize("count", [1, 2, 3, 8])
@pytest.mark.parametrize(("stills", "percent"), [(0.2, 20), (0.5, 50), (0.05, 5)])
def test_shares(stills: float, percent: int, count: int) -> None:
    """While both wait, stills have their share of the rows, over ticks of any size."""
    shares, had = Shares(stills), Counter[JobKind]()
    for _ in range(400):
        had.update(_kinds(shares, _jobs(LIVE, 8), _jobs(STILL, 8), count))
    assert 100 * had[STILL] / had.total() == pytest.approx(percent, abs=1.5)


def test_live_first() -> None:
    """Of one row, the live frame has it; and of a tick that holds all, all are in it."""
    assert _kinds(Shares(0.2), _jobs(LIVE, 1), _jobs(STILL, 9), 1) == [LIVE]
    assert Counter(_kinds(Shares(0.2), _jobs(LIVE, 2), _jobs(STILL, 9), 8)) == {LIVE: 2, STILL: 6}


def test_alone() -> None:
    """Whoever waits alone has every row, and need not make up for it when the other comes."""
    shares = Shares(0.2)
    for _ in range(100):
        assert _kinds(shares, [], _jobs(STILL, 8), 4) == [STILL] * 4
    ticks = [_kinds(shares, _jobs(LIVE, 1), _jobs(STILL, 8), 1)[0] for _ in range(10)]
    assert Counter(ticks) == {LIVE: 8, STILL: 2}


def test_steps_count() -> None:
    """A job of four steps takes four rows of its kind's share."""
    shares, had = Shares(0.2), Counter[JobKind]()
    for _ in range(400):
        had.update(_kinds(shares, _jobs(LIVE, 4), _jobs(STILL, 4, steps=4), 1))
    assert 4 * had[STILL] / (4 * had[STILL] + had[LIVE]) == pytest.approx(0.2, abs=0.02)


def test_order() -> None:
    """Each kind keeps its order."""
    chosen = Shares(0.3).choose({LIVE: _jobs(LIVE, 9), STILL: _jobs(STILL, 9)}, 9)
    for kind in JobKind:
        numbers = [job.number for job in chosen if job.kind is kind]
        assert numbers == list(range(len(numbers)))


@pytest.mark.parametrize("count", [0, -1])
def test_no_room(count: int) -> None:
    """Without room nobody is chosen."""
    assert _kinds(Shares(0.2), _jobs(LIVE, 3), _jobs(STILL, 3), count) == []


@pytest.mark.parametrize(
    ("costs", "available", "best"),
    [
        ({1: 10, 2: 11, 4: 12, 8: 13}, 5, 5),  # a tick costs nearly the same whatever its size: take all
        ({1: 10, 2: 20, 4: 40, 8: 80}, 3, 2),  # rows cost the same: padding 3 to 4 does not pay, of equals the larger
        ({1: 10, 2: 20, 4: 40, 8: 80}, 8, 8),
        ({1: 10, 2: 15, 4: 50}, 4, 2),  # large ticks are slow: two of two are faster
        ({1: 10, 4: 28}, 3, 3),  # 3 in a tick of 4: 3 / 28 beats 1 / 10
        ({1: 10, 4: 31}, 3, 3),  # near enough: costs are measured once
        ({1: 10, 4: 35}, 3, 1),
        ({1: 10}, 100, 1),
        ({4: 10}, 1, 1),  # no smaller size is there: padded
        ({1: 10, 2: 11}, 0, 0),
    ],
)
def test_best_size(costs: dict[int, float], available: int, best: int) -> None:
    """The number of rows that gives most rows a second at the measured costs."""
    assert best_size(available, costs) == best
