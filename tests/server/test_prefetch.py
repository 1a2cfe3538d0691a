"""The prefetch: one tick's worth is prepared, decoded while something else goes on, and nobody waits for a slow picture."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from engines.student import Student
from engines.student.contract import UnsupportedStrength
from server import codec
from server.prefetch import Prefetch
from server.types import Job

MOST = 2


class Said:
    """Answers that are only remembered."""

    def __init__(self) -> None:
        self.given: list[tuple[str, int]] = []

    def late(self, job: Job) -> None:
        self.given.append(("late", job.id))

    def refused(self, job: Job, code: str, message: str) -> None:
        self.given.append((code, job.id))


class Bench:
    """A prefetch whose decoding waits for a gate."""

    def __init__(self, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch) -> None:
        self.said, self.gate, self.woken = Said(), threading.Event(), threading.Semaphore(0)
        self.unwanted: set[int] = set()
        monkeypatch.setattr(codec, "decode", lambda *_: self.gate.wait(10))
        answers: Any = self.said
        self.prefetch = Prefetch(lambda job: job not in self.unwanted, pool, answers, 1 << 20, lambda _: self.woken.release())

    def ready(self) -> list[int]:
        return [task.job.id for task in self.prefetch.ready()]


def job(number: int, image: bytes | None = None, **more: Any) -> Job:
    now = time.time()
    return replace(Job(number, str(number), "stream", (("x", 1.0),), 0, now, now + 10, image=image), **more)


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    with ThreadPoolExecutor(1) as pool:
        made = Bench(pool, monkeypatch)
        yield made
        made.gate.set()


def test_one_tick(bench: Bench, student: Student) -> None:
    """No more is prepared than a tick takes; the rest waits, and is prepared when there is room."""
    bench.prefetch.add([job(number) for number in range(5)])
    bench.prefetch.fill(MOST, student)
    assert bench.ready() == [0, 1]
    assert len(bench.prefetch) == 5
    bench.prefetch.remove(bench.prefetch.ready()[:1])
    bench.prefetch.fill(MOST, student)
    assert bench.ready() == [1, 2]
    assert len(bench.prefetch) == 4


def test_a_picture_on_its_way(bench: Bench, student: Student) -> None:
    """What is still being decoded is not ready and holds nobody up; that it is decoded is told."""
    bench.prefetch.add([job(0, b"picture"), job(1)])
    bench.prefetch.fill(MOST, student)
    assert bench.ready() == [1]
    bench.gate.set()
    assert bench.woken.acquire(timeout=10)
    assert bench.ready() == [0, 1]


def test_who_cannot_be_painted(bench: Bench, student: Student) -> None:
    """The late, the unwanted and the impossible are answered, and take nobody's place."""

    class Stills:
        def still(self) -> tuple[Any, ...]:
            return student.contract.still()

        def repaint(self, strength: float) -> tuple[Any, ...]:
            raise UnsupportedStrength("stills only")

    contract: Any = Stills()
    bench.unwanted.add(1)
    bench.prefetch.add([job(0, deadline=0.0), job(1), job(2, b"picture"), job(3), job(4)])
    bench.prefetch.fill(MOST, replace(student, contract=contract))
    assert bench.said.given == [("late", 0), ("late", 1), ("unsupported_strength", 2)]
    assert bench.ready() == [3, 4]


def test_drained(bench: Bench, student: Student) -> None:
    """Draining gives everything that waits, prepared or not, once."""
    bench.prefetch.add([job(number) for number in range(4)])
    bench.prefetch.fill(MOST, student)
    assert sorted(one.id for one in bench.prefetch.drain()) == [0, 1, 2, 3]
    assert bench.prefetch.drain() == []
    assert len(bench.prefetch) == 0
