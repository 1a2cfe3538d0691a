"""Lines: owners take turns, and nothing is lost."""

import random
from collections import Counter

from server.queue.lines import Lines
from server.types import Job


def _job(number: int, owner: str = "me") -> Job:
    return Job(number, owner, "stream", (("", 1.0),), 0, created=0.0, deadline=100.0)


def _lines(*jobs: Job) -> Lines:
    lines = Lines()
    for job in jobs:
        lines.add(job)
    return lines


def _ids(jobs: list[Job]) -> list[int]:
    return [job.id for job in jobs]


def test_empty() -> None:
    """Nothing waits, nothing is picked."""
    assert len(_lines()) == 0
    assert _lines().pick(8) == []


def test_one_owner() -> None:
    """Jobs of one owner leave in the order they came."""
    lines = _lines(*(_job(i) for i in range(5)))
    assert _ids(lines.pick(3)) == [0, 1, 2]
    assert len(lines) == 2
    assert _ids(lines.pick(3)) == [3, 4]
    assert len(lines) == 0


def test_owners_take_turns() -> None:
    """A job of each owner goes before the second of any."""
    lines = _lines(*(_job(i, "greedy") for i in range(10)), _job(10, "a"), _job(11, "b"))
    assert _ids(lines.pick(4)) == [0, 10, 11, 1]


def test_turns_go_on() -> None:
    """Whoever was not served at one time is first at the next, and a hundred jobs waiting give no one more."""
    lines = _lines(*(_job(100 * n + i, owner) for n, owner in enumerate("abc") for i in range(100)))
    assert Counter(job.owner for _ in range(30) for job in lines.pick(2)) == {"a": 20, "b": 20, "c": 20}


def test_one_who_comes_late_does_not_wait() -> None:
    """A new owner is served at the next turn, whatever waits."""
    lines = _lines(*(_job(i, "greedy") for i in range(1000)))
    lines.pick(4)
    lines.add(_job(5000, "new"))
    assert 5000 in _ids(lines.pick(4))


def test_removed() -> None:
    """A job may leave its line from any place, once; the others keep theirs."""
    lines = _lines(*(_job(i) for i in range(4)), _job(9, "other"))
    assert lines.remove(_job(2))
    assert not lines.remove(_job(2))
    assert lines.remove(_job(9, "other"))
    assert not lines.remove(_job(77, "nobody"))
    assert len(lines) == 3
    assert _ids(lines.pick(9)) == [0, 1, 3]


def test_nothing_is_lost() -> None:
    """Each job comes out exactly once, picked or removed."""
    rng = random.Random(3)
    jobs = [_job(i, str(i % 7)) for i in range(200)]
    lines, out = _lines(*jobs), []
    for job in rng.sample(jobs, 60):
        out += [job.id] if lines.remove(job) else []
    while len(lines):
        out += _ids(lines.pick(rng.randint(1, 5)))
    assert sorted(out) == list(range(200))
