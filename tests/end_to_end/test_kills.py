"""Processes that are really killed, hung and cut off under live users and stills. What is promised is in docs/behaviour.md."""

from collections.abc import Iterator

import pytest

from benchmarks.workers import kills
from benchmarks.workers.stand import Stand


@pytest.fixture(scope="module")
def stand() -> Iterator[Stand]:
    with Stand() as stand:
        yield stand


async def test_a_worker_is_killed(stand: Stand) -> None:
    """Of two workers one is killed in mid-tick: each still is painted and answered once, and live users have the other."""
    seen = await kills.worker_killed(stand)
    assert (seen["stills_painted"], seen["stills_lost"], seen["stills_twice"]) == (50, 0, 0), seen
    assert seen["live_failures"] == []
    assert seen["live_gap_s"] < 10, seen  # 2 s on a machine that does nothing else: see docs/behaviour.md


async def test_a_stream_kills_workers(stand: Stand) -> None:
    """Two die of its frames. It is told so, the third lives and paints for the others, and for it with other params."""
    seen = await kills.stream_kills(stand)
    assert (seen["workers_killed"], seen["after"], seen["with_other_params"]) == (2, {"set_aside": 20}, "image"), seen
    assert set(seen["before"]) <= {"dropped", "set_aside"}, seen
    assert seen["live_failures"] == []
    assert set(seen["live_others"]) <= {"dropped"}, seen


async def test_a_worker_is_told_to_end(stand: Stand) -> None:
    """One that is told to end finishes its tick and gives back the rest: nothing is lost, and nobody is told that it ends."""
    seen = await kills.worker_drained(stand)
    assert (seen["stills_painted"], seen["stills_lost"], seen["stills_twice"], seen["status"]) == (50, 0, 0, 0), seen
    assert set(seen["live_others"]) <= {"dropped"}, seen


async def test_the_queue_is_restarted_empty(stand: Stand) -> None:
    """What was in it is queued again: no still is lost, and live users go on."""
    seen = await kills.redis_restarted(stand)
    assert (seen["stills_painted"], seen["stills_lost"], seen["stills_twice"], seen["live_failures"]) == (60, 0, 0, []), seen


async def test_the_queue_hangs(stand: Stand) -> None:
    """While nobody can be asked, live users are told `dropped` and readiness says why; then they go on."""
    seen = await kills.redis_hangs(stand, seconds=3.0)
    assert (seen["readyz"], seen["live_failures"]) == (503, []), seen
    assert "cannot be reached" in seen["reason"]
    assert seen["dropped"] > 0
    assert seen["recovered_s"] < 90, seen


async def test_a_front_end_is_killed(stand: Stand) -> None:
    """Live users come back to another front end by themselves, to their sessions and to what was in force in them."""
    seen = await kills.front_killed(stand)
    assert (seen["params_kept"], seen["sessions_kept"], seen["live_failures"]) == (4, 4, []), seen
