"""The ticks of one engine: in order, each timed by what it took of the device, and one row's fault its own."""

import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from engines.engine import Painted, Row
from engines.errors import EngineLost
from engines.fake_device import FakeDevice, FakeTicket
from engines.fake_engine import FakeEngine
from engines.student import Student
from server.ticking import Ticking
from server.turns import Turns

TICK = 0.05


class Log:
    """A watch that remembers, and what failed."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.failures: list[int] = []

    def watch(self, name: str) -> "_Watch":
        return _Watch(name, self.said)

    def failed(self, error: Exception, rows: Sequence[Row]) -> None:
        self.failures.append(len(rows))


class _Watch:
    def __init__(self, name: str, said: list[str]) -> None:
        self._name, self._said = name, said

    def arrived(self) -> None:
        self._said.append(f"{self._name} runs")

    def left(self, images: int) -> None:
        self._said.append(f"{self._name} gave {images}")


class Rows:
    """Makes rows of jobs."""

    def __init__(self, engine: FakeEngine, student: Student) -> None:
        self._engine, self._student, self._jobs = engine, student, 0

    def one(self, prompt: str = "a boat") -> Row:
        self._jobs += 1
        steps = self._student.contract.still()
        return Row(self._jobs, 0, steps[0], len(steps) == 1, self._engine.condition(prompt), 0)

    def after(self, row: Row) -> Row:
        step = self._student.contract.still()[row.index + 1]
        return replace(row, index=row.index + 1, step=step, last=True)


def tools(engine: FakeEngine) -> tuple[Ticking, Rows, Log, Turns]:
    log, turns = Log(), Turns()
    return Ticking(engine, engine.warm_up(), turns, log.failed), Rows(engine, engine.student), log, turns


@pytest.fixture
def two_steps(student: Student) -> Student:
    return replace(student, contract=replace(student.contract, times=(1.0, 0.5)))


def good(painted: Painted) -> bool:
    return painted.error is None and painted.image is not None


@pytest.mark.parametrize("engine", [FakeEngine, FakeDevice])
def test_in_order(engine: Any, student: Student) -> None:
    """A tick runs from when the device comes to it; the next one not before that is done."""
    ticking, rows, log, _ = tools(engine(student))
    room = []
    for name in ("first", "second"):
        room.append(ticking.room)
        if ticking.room:
            ticking.begin([rows.one()], log.watch(name))
    room.append(ticking.room)
    while ticking.under_way:
        assert good(ticking.finish().painted[0])
    if engine is FakeDevice:
        assert room == [True, True, False]
        assert log.said == ["first runs", "first gave 1", "second runs", "second gave 1"]
    else:
        assert room == [True, False, False]
        assert log.said == ["first runs", "first gave 1"]


def test_seconds_do_not_overlap(student: Student) -> None:
    """Of two ticks under way at once, each counts the seconds that the device gave it: together no more than passed."""
    ticking, rows, log, _ = tools(FakeDevice(student, tick_seconds=TICK))
    began, now = time.perf_counter(), time.monotonic()
    ticking.begin([rows.one()], log.watch("first"))
    ticking.begin([rows.one()], log.watch("second"))
    first, second = ticking.finish(), ticking.finish()
    passed = time.perf_counter() - began
    assert first.seconds + second.seconds <= passed
    assert min(first.seconds, second.seconds) > 0.5 * TICK
    assert second.started - now >= first.seconds - 0.001


def test_due_just_before_the_end(student: Student) -> None:
    """The next tick is due before the present one ends by what bringing it takes, and not long before."""
    ticking, rows, log, _ = tools(FakeDevice(student, tick_seconds=TICK, host_seconds=0.01))
    ticking.begin([rows.one()], log.watch("first"))
    for _ in range(3):
        ticking.begin([rows.one()], log.watch("next"))
        ticking.finish()
    # the second of them runs since now
    left = ticking.due() - time.perf_counter()
    assert left < TICK - 0.009
    while ticking.under_way:
        ticking.finish()


def test_a_slow_tick_changes_little(student: Student) -> None:
    """One tick that takes ten times as long does not put off the next."""
    engine = FakeDevice(student, tick_seconds=TICK)
    ticking, rows, log, _ = tools(engine)
    ticking.begin([rows.one()], log.watch("slow"))
    time.sleep(10 * TICK)
    ticking.finish()
    ticking.begin([rows.one()], log.watch("next"))
    assert ticking.due() - time.perf_counter() < 2 * TICK
    ticking.finish()


@pytest.mark.parametrize("engine", [FakeEngine, FakeDevice])
def test_one_crash_of_three(engine: Any, student: Student) -> None:
    """If a tick fails, its rows are done again one by one, and only the culprit fails; the tick beside it is unharmed."""
    ticking, rows, log, _ = tools(engine(student))
    ticking.begin([rows.one(), rows.one("fake:crash"), rows.one()], log.watch("first"))
    if ticking.room:
        ticking.begin([rows.one()], log.watch("second"))
    first = ticking.finish().painted
    assert [good(painted) for painted in first] == [True, False, True]
    assert first[1].error is not None
    assert "asked to crash" in first[1].error
    assert log.failures == [3, 1]
    while ticking.under_way:
        assert good(ticking.finish().painted[0])


def test_one_refused_of_two(student: Student) -> None:
    """What fails when it is begun waits for the tick that runs, and no other is begun meanwhile."""
    ticking, rows, log, _ = tools(FakeDevice(student))
    ticking.begin([rows.one()], log.watch("first"))
    ticking.begin([rows.one("fake:refuse"), rows.one()], log.watch("second"))
    assert good(ticking.finish().painted[0])
    assert not ticking.room
    assert [good(painted) for painted in ticking.finish().painted] == [False, True]
    assert ticking.room


def test_who_went_on_is_not_done_again(two_steps: Student) -> None:
    """A job whose next step is under way when its tick fails has failed: painting that step again would spoil the slot."""
    engine = FakeDevice(two_steps)
    ticking, rows, log, _ = tools(engine)
    gone_on, waits, culprit = rows.one(), rows.one(), rows.one("fake:crash")
    ticking.begin([gone_on, waits, culprit], log.watch("first"))
    ticking.begin([rows.after(gone_on)], log.watch("second"))
    first = ticking.finish().painted
    assert [painted.error is None for painted in first] == [False, True, False]
    ticking.finish()
    ticking.begin([rows.after(waits)], log.watch("third"))
    assert good(ticking.finish().painted[0])


def test_turns(student: Student) -> None:
    """The device is held while a tick is under way; no second one is begun while somebody else waits for it."""
    ticking, rows, log, turns = tools(FakeDevice(student))
    ticking.begin([rows.one()], log.watch("first"))
    assert ticking.room
    inside = threading.Event()
    other = threading.Thread(target=lambda: (turns.take(), inside.set(), turns.leave()))
    other.start()
    deadline = time.monotonic() + 10
    while not turns.contended and time.monotonic() < deadline:
        time.sleep(0.001)
    assert not ticking.room
    ticking.pass_on()  # nothing: a tick is under way
    assert not inside.is_set()
    ticking.finish()
    ticking.pass_on()
    assert inside.wait(10)
    other.join()


def test_a_broken_engine_gives_its_turn_back(student: Student) -> None:
    """An engine that answers too few rows is a bug: it is raised, and others get the device."""

    class Breaking(FakeDevice):
        def finish(self, ticket: FakeTicket) -> list[Painted]:
            return []

    ticking, rows, log, turns = tools(Breaking(student))

    def work() -> None:
        with ticking:
            ticking.begin([rows.one()], log.watch("first"))
            ticking.finish()

    with pytest.raises(RuntimeError, match="did not answer 1 row"):
        work()
    with turns:
        pass
    assert log.said == ["first runs", "first gave 0"]


def test_a_lost_device_is_not_tried_again(student: Student) -> None:
    """What will not work any more is raised at once, not tried row by row, and the turn is given back."""

    class Lost(FakeDevice):
        def finish(self, ticket: FakeTicket) -> list[Painted]:
            raise EngineLost("the device is lost")

    ticking, rows, log, turns = tools(Lost(student))
    ticking.begin([rows.one(), rows.one()], log.watch("first"))
    with ticking, pytest.raises(EngineLost):
        ticking.finish()
    assert log.failures == [2]
    with turns:
        pass
