"""The prefetch: one tick's worth of each kind is ready, and nobody waits for a slow picture."""

import threading
from concurrent.futures import Future
from typing import Any

import pytest

from engines.student import Student
from server.batcher import Shares
from server.prefetch import Prefetch
from server.task import Task
from server.types import Job, JobKind

COSTS = {1: 1.0, 2: 1.0, 4: 1.0}
MOST = 4


class Bench:
    def __init__(self, student: Student) -> None:
        self.busy = False
        self.prefetch = Prefetch(COSTS, Shares(0.2), lambda: self.busy)
        self._student, self._number = student, 0

    def task(self, api: str = "stream", decoding: "Future[Any] | None" = None, deadline: float = 1e9) -> Task:
        self._number += 1
        job = Job(self._number, "me", api, (("x", 1.0),), 0, 0.0, deadline)
        return Task(job, self._student.contract.still(), decoding)

    def add(self, *tasks: Task) -> None:
        self.prefetch.add(tasks)

    def next(self, *begun: Task) -> list[int]:
        """Who is in the next tick, if it is due now."""
        return [task.job.id for task in self.prefetch.next_tick(begun, 0.0)]


@pytest.fixture
def bench(student: Student) -> Bench:
    return Bench(student)


def test_one_tick(bench: Bench) -> None:
    """There is room for one tick's worth of each kind, and again for as many as a tick has taken."""
    assert bench.prefetch.room(JobKind.LIVE) == bench.prefetch.room(JobKind.STILL) == MOST
    bench.add(*(bench.task() for _ in range(3)))
    assert (bench.prefetch.room(JobKind.LIVE), bench.prefetch.room(JobKind.STILL)) == (1, MOST)
    assert bench.next() == [1, 2, 3]
    assert bench.prefetch.room(JobKind.LIVE) == MOST
    assert len(bench.prefetch) == 0


def test_room_is_waited_for(bench: Bench) -> None:
    """Who brings jobs waits while there is no room, and goes on when a tick has taken some."""
    bench.add(*(bench.task() for _ in range(MOST)))
    rooms: list[int] = []
    waiting = threading.Thread(target=lambda: rooms.append(bench.prefetch.room(JobKind.LIVE)))
    waiting.start()
    bench.next()
    waiting.join(10)
    assert rooms == [MOST]


def test_busy_behind_the_engine(bench: Bench) -> None:
    """While images pile up to be encoded, stills wait in the queue and live frames do not."""
    bench.busy = True
    rooms: list[int] = []
    waiting = threading.Thread(target=lambda: rooms.append(bench.prefetch.room(JobKind.STILL)))
    waiting.start()
    assert bench.prefetch.room(JobKind.LIVE) == MOST
    bench.prefetch.encoded()
    assert not rooms
    bench.busy = False
    bench.prefetch.encoded()
    waiting.join(10)
    assert rooms == [MOST]


def test_a_picture_on_its_way(bench: Bench) -> None:
    """What is still being decoded is not in a tick and holds nobody up."""
    decoding: Future[Any] = Future()
    bench.add(bench.task(decoding=decoding), bench.task())
    assert bench.next() == [2]
    assert bench.next() == []
    decoding.set_result(None)
    assert bench.next() == [1]


def test_woken_by_a_picture(bench: Bench) -> None:
    """A tick that waits for its first picture begins when that is decoded."""
    decoding: Future[Any] = Future()
    decoding.add_done_callback(bench.prefetch.decoded)
    bench.add(bench.task(decoding=decoding))
    threading.Timer(0.01, decoding.set_result, [None]).start()
    assert [task.job.id for task in bench.prefetch.next_tick((), None)] == [1]


def test_those_begun_go_first(bench: Bench) -> None:
    """Jobs between two of their steps go before all others."""
    bench.add(*(bench.task() for _ in range(MOST)))
    begun = [bench.task(), bench.task()]
    assert bench.next(*begun) == [5, 6, 1, 2]


def test_stills_leave_room(bench: Bench) -> None:
    """A tick full of stills that are ready takes a live frame in all the same."""
    bench.add(*(bench.task("openai") for _ in range(MOST)))
    bench.add(bench.task())
    assert 5 in bench.next()


def test_cleared(bench: Bench) -> None:
    """What is cleared is in no tick, and its room is free."""
    bench.add(*(bench.task() for _ in range(MOST)))
    bench.prefetch.clear()
    assert bench.next() == []
    assert bench.prefetch.room(JobKind.LIVE) == MOST


def test_overdue(bench: Bench) -> None:
    """Those whose deadline has passed are taken out, by kind, whose pictures need not be decoded; the others stay."""
    decoding: Future[Any] = Future()
    bench.add(bench.task(deadline=0.0, decoding=decoding), bench.task(), bench.task(api="openai", deadline=0.0))
    assert [job.id for job in bench.prefetch.overdue(JobKind.LIVE)] == [1]
    assert decoding.cancelled()
    assert [job.id for job in bench.prefetch.overdue(JobKind.STILL)] == [3]
    assert bench.next() == [2]


def test_no_room_in_time(bench: Bench) -> None:
    """Who cannot wait any longer is told that there is no room."""
    bench.add(*(bench.task() for _ in range(MOST)))
    assert bench.prefetch.room(JobKind.LIVE, 0.01) == 0


def test_stopped(bench: Bench) -> None:
    """Once stopped there is neither a tick nor room, for who waits already and for who comes."""
    ended: list[Any] = []
    tick = threading.Thread(target=lambda: ended.append(bench.prefetch.next_tick((), None)))
    tick.start()
    bench.prefetch.stop()
    tick.join(10)
    assert ended == [[]]
    bench.add(bench.task())
    assert bench.next() == []
    assert bench.prefetch.room(JobKind.LIVE) == 0
