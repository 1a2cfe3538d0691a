"""Answers: an image with what it took, or one reason; each counted, and none without."""

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import numpy as np
import pytest

from engines.student import Student
from server import codec
from server.answers import Answers
from server.energy import Ledger
from server.energy.meter import MeterName
from server.metrics import Metrics
from server.task import Task
from server.types import Job, Outcome, Result, Timings

METER = MeterName("gpu0", "nvml")


class Kept:
    """A queue that keeps what it is given."""

    def __init__(self, shared: bool = False) -> None:
        self.shared = shared
        self.results: list[Result] = []
        self.returned: list[tuple[int, bool]] = []

    def give_back(self, job: Job, blamed: bool = False) -> None:
        self.returned.append((job.id, blamed))

    def deliver(self, result: Result) -> None:
        self.results.append(result)


class AtOnce:
    """A pool whose work is done when it is asked for."""

    def encode(self, owner: str, work: Callable[[], Any]) -> "Future[Any]":
        done: Future[Any] = Future()
        done.set_result(work())
        return done


class Bench:
    def __init__(self, shared: bool = False, marked: bool = False) -> None:
        self.kept, self.metrics, self.ledger = Kept(shared), Metrics(), Ledger()
        queue: Any = self.kept
        pool: Any = AtOnce()
        self.answers = Answers(queue, self.metrics.of("embedded"), self.ledger, pool, marked)

    def job(self, api: str = "openai") -> Job:
        """A job that was accepted."""
        made = job(api)
        self.answers.accept([made])
        return made

    def count(self, outcome: Outcome) -> float | None:
        return self.metrics.registry.get_sample_value(
            "allaprima_frames_total", {"student": "embedded", "outcome": outcome}
        )  # fmt: skip


@pytest.fixture
def bench() -> Bench:
    return Bench()


def job(api: Any = "openai") -> Job:
    now = time.monotonic()
    return Job(7, "me", api, (("x", 1.0),), 0, now, now + 10, format="png")


def test_an_image(bench: Bench, student: Student) -> None:
    """An image is encoded as its job asks, with its timings, its rows, and its share of the joules."""
    bench.ledger.enrol(METER)
    bench.ledger.close({METER: 0})
    with bench.ledger.tick("embedded", [""]):
        time.sleep(0.01)
    bench.ledger.close({METER: 5_000_000})
    task = Task(job(), student.contract.still(), None, rows=3, timings=Timings(0.1, 0.2, 0.3), share=0.05)
    pixels = np.full((16, 16, 3), 200, dtype=np.uint8)
    bench.answers.accept([task.job])
    told: list[object] = []
    bench.answers.image(task, pixels, told.append)
    assert len(told) == 1
    assert bench.answers.encoding == 0
    [result] = bench.kept.results
    assert (result.job, result.outcome, result.rows, result.meter) == (7, Outcome.IMAGE, 3, "nvml")
    np.testing.assert_array_equal(codec.decode(result.image, 16, 16), pixels)
    assert (result.timings.wait, result.timings.decode, result.timings.engine) == (0.1, 0.2, 0.3)
    assert result.timings.encode > 0
    estimate = bench.ledger.estimate(0.05)
    assert estimate is not None
    assert result.joules == pytest.approx(estimate.joules)
    assert bench.count(Outcome.IMAGE) == 1


def test_none(bench: Bench) -> None:
    """Whatever a job does not get has its outcome, its code and a sentence."""
    bench.answers.late(bench.job())
    bench.answers.refused(bench.job(), "unsupported_strength", "stills only")
    bench.answers.failed(bench.job(), "bad_image", "no image")
    bench.job()
    bench.answers.abandon("shutting_down", "the server is shutting down")
    outcomes = [(result.outcome, result.code) for result in bench.kept.results]
    assert outcomes == [
        (Outcome.DROPPED_LATE, "late"),
        (Outcome.REFUSED, "unsupported_strength"),
        (Outcome.FAILED, "bad_image"),
        (Outcome.FAILED, "shutting_down"),
    ]
    assert all(result.message and not result.image for result in bench.kept.results)
    assert bench.count(Outcome.FAILED) == 2


def test_others_may_paint_it() -> None:
    """Where other workers take from the queue, what is abandoned here is theirs: given back, not answered or counted."""
    bench = Bench(shared=True)
    bench.job()
    bench.answers.abandon("engine_stuck", "the engine hangs", blamed=True)
    assert (bench.kept.returned, bench.kept.results) == ([(7, True)], [])
    assert bench.answers.in_flight() == 0
    assert bench.count(Outcome.FAILED) == 0


def test_a_stream_that_fails(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """Each still that fails is a line in the log, up to ten of an owner's; of a stream's frames one is in a while."""
    with caplog.at_level(logging.WARNING):
        for _ in range(5):
            bench.answers.failed(bench.job("stream"), "bad_image", "no image")
        assert len(caplog.records) == 1
        bench.answers.failed(bench.job(), "bad_image", "no image")
        bench.answers.failed(bench.job(), "bad_image", "no image")
        assert len(caplog.records) == 3
        for _ in range(50):
            bench.answers.failed(bench.job(), "bad_image", "no image")
    assert len(caplog.records) == 10


def test_one_answer(bench: Bench, student: Student) -> None:
    """A job has the answer of whoever was first; what comes after is neither sent nor counted."""
    accepted = bench.job()
    bench.answers.abandon("engine_stuck", "the engine hangs")
    bench.answers.late(accepted)
    bench.answers.failed(accepted, "engine_error", "no")
    bench.answers.image(Task(accepted, student.contract.still(), None), np.zeros((16, 16, 3), np.uint8), lambda _: None)
    assert [result.code for result in bench.kept.results] == ["engine_stuck"]
    assert (bench.count(Outcome.FAILED), bench.count(Outcome.IMAGE), bench.count(Outcome.DROPPED_LATE)) == (1, 0, 0)


@pytest.mark.parametrize("marked", [True, False])
def test_images_say_what_they_are(marked: bool, student: Student) -> None:
    """An image says that a model made it, unless the operator wants none of that."""
    bench = Bench(marked=marked)
    task = Task(bench.job(), student.contract.still(), None)
    bench.answers.image(task, np.zeros((16, 16, 3), np.uint8), lambda _: None)
    [result] = bench.kept.results
    assert (b"trainedAlgorithmicMedia" in result.image) is marked
