"""The fake device: every engine's suite, and that its ticks overlap in time as a GPU's do."""

import time

import pytest

from engines.errors import EngineError
from engines.fake_device import FakeDevice
from engines.student import Student
from tests.engines.gpu.suite import Easel, every_engines_tests

TICK, HOST = 0.3, 0.01

globals().update(every_engines_tests())


@pytest.fixture
def easel(student: Student) -> Easel:
    return Easel("fake", FakeDevice(student, (1, 2, 4)))


def test_the_device_works_while_the_host_does(student: Student) -> None:
    """Bringing the next tick takes no time of the device's while that runs one."""
    engine = FakeDevice(student, (1,), tick_seconds=TICK, host_seconds=HOST)
    easel, began = Easel("fake", engine), time.perf_counter()
    first, second = engine.begin(easel.still()), engine.begin(easel.still())
    assert second.until - first.until == pytest.approx(TICK)
    engine.finish(first)
    engine.finish(second)
    assert time.perf_counter() - began >= HOST + 2 * TICK


def test_it_says_what_a_tick_takes_alone(student: Student) -> None:
    """The cost of an undisturbed tick is the host's share and the device's."""
    engine = FakeDevice(student, (1, 2), tick_seconds=TICK, row_seconds=0.01, host_seconds=HOST)
    assert engine.warm_up() == {1: pytest.approx(TICK + 0.01 + HOST), 2: pytest.approx(TICK + 0.02 + HOST)}


def test_refused_and_crashed(student: Student) -> None:
    """One fault fails a tick when it is begun, the other when it is finished; both leave the device free."""
    engine = FakeDevice(student)
    easel = Easel("fake", engine)
    with pytest.raises(EngineError, match="asked to refuse"):
        engine.begin(easel.still("fake:refuse"))
    ticket = engine.begin(easel.still("fake:crash"))
    with pytest.raises(EngineError, match="asked to crash"):
        engine.finish(ticket)
    assert engine.tick(easel.still())[0].image is not None
