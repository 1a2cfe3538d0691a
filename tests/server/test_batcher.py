"""The batcher: lines that take turns, jobs let go in time, and how many rows are worth a tick."""

from collections import Counter

import pytest

from server.batcher import Batcher, best_size
from server.types import Job


def _job(number: int, owner: str = "me", deadline: float = 100.0) -> Job:
    return Job(number, owner, "stream", (("", 1.0),), 0, created=0.0, deadline=deadline)


def _batcher(jobs: list[Job], unwanted: frozenset[int] = frozenset()) -> Batcher:
    batcher = Batcher(lambda number: number not in unwanted)
    for job in jobs:
        batcher.add(job)
    return batcher


def _ids(jobs: list[Job]) -> list[int]:
    return [job.id for job in jobs]


def test_empty() -> None:
    """Nothing waits, nothing is picked."""
    batcher = _batcher([])
    assert len(batcher) == 0
    assert batcher.pick(8, 0.0).run == []


def test_one_owner() -> None:
    """Jobs of one owner leave in the order they came."""
    batcher = _batcher([_job(i) for i in range(5)])
    assert _ids(batcher.pick(3, 0.0).run) == [0, 1, 2]
    assert len(batcher) == 2
    assert _ids(batcher.pick(3, 0.0).run) == [3, 4]
    assert len(batcher) == 0


def test_owners_take_turns() -> None:
    """A job of each owner goes before the second of any."""
    jobs = [_job(i, "greedy") for i in range(10)] + [_job(10, "a"), _job(11, "b")]
    assert _ids(_batcher(jobs).pick(4, 0.0).run) == [0, 10, 11, 1]


def test_turns_go_on_over_ticks() -> None:
    """Whoever was not served in one tick is first in the next, and a hundred jobs waiting give no one more."""
    batcher = _batcher([_job(100 * n + i, owner) for n, owner in enumerate("abc") for i in range(100)])
    served = Counter(job.owner for _ in range(30) for job in batcher.pick(2, 0.0).run)
    assert served == {"a": 20, "b": 20, "c": 20}


def test_one_who_comes_late_does_not_wait() -> None:
    """A new owner is served in the next tick, whatever waits."""
    batcher = _batcher([_job(i, "greedy") for i in range(1000)])
    batcher.pick(4, 0.0)
    batcher.add(_job(5000, "new"))
    assert 5000 in _ids(batcher.pick(4, 0.0).run)


def test_late_jobs_are_let_go() -> None:
    """A job past its deadline is dropped and another takes its place; one at its deadline is not late."""
    batcher = _batcher([_job(0, deadline=9.9), _job(1, deadline=10.0), _job(2, deadline=11.0)])
    picked = batcher.pick(2, 10.0)
    assert (_ids(picked.run), _ids(picked.dropped)) == ([1, 2], [0])


def test_unwanted_jobs_are_let_go() -> None:
    """A job whose owner left is dropped."""
    picked = _batcher([_job(i, str(i)) for i in range(4)], frozenset({0, 2})).pick(4, 0.0)
    assert (_ids(picked.run), _ids(picked.dropped)) == ([1, 3], [0, 2])


def test_all_let_go() -> None:
    """A batcher of dead jobs gives no row, every job back, and is empty."""
    batcher = _batcher([_job(i, str(i % 3)) for i in range(9)], frozenset(range(9)))
    picked = batcher.pick(1, 0.0)
    assert picked.run == []
    assert sorted(_ids(picked.dropped)) == list(range(9))
    assert len(batcher) == 0


@pytest.mark.parametrize("count", [0, -1])
def test_no_room(count: int) -> None:
    """Without room nothing is picked and nothing is lost."""
    batcher = _batcher([_job(0)])
    assert batcher.pick(count, 0.0).run == []
    assert len(batcher) == 1


def test_nothing_is_lost() -> None:
    """Each job comes out exactly once."""
    batcher = _batcher([_job(i, str(i % 7), deadline=i) for i in range(200)], frozenset(range(0, 200, 5)))
    out = []
    while len(batcher):
        picked = batcher.pick(3, 50.0)
        out += _ids(picked.run) + _ids(picked.dropped)
    assert sorted(out) == list(range(200))


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
