"""What every engine whose ticks overlap must hold: what is painted does not depend on what else is under way."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from engines.engine import Pipelined
from engines.errors import EngineError
from engines.fake_device import FakeDevice
from engines.gpu.engine import GpuEngine
from engines.student import Student
from tests.engines.gpu.double import CudaDouble
from tests.engines.gpu.suite import Easel, image
from tests.engines.gpu.toy import ToyNetworks, tokens_of

SIZES = (1, 2, 4)


def _gpu(student: Student) -> Pipelined:
    double = CudaDouble()
    return GpuEngine(student, SIZES, ToyNetworks(double, student), double, tokens_of(student))


MAKERS: dict[str, Callable[[Student], Pipelined]] = {"fake": lambda student: FakeDevice(student, SIZES), "gpu": _gpu}


@pytest.fixture(scope="module", params=MAKERS)
def engine(request: pytest.FixtureRequest, student: Student) -> Iterator[Pipelined]:
    made = MAKERS[request.param](student)
    made.warm_up()
    yield made
    made.close()


@pytest.fixture
def easel(engine: Pipelined) -> Easel:
    return Easel("pipelined", engine)


def test_it_is_one(engine: Pipelined) -> None:
    """Whoever has `begin` and `finish` can be told from who has not."""
    assert isinstance(engine, Pipelined)


def test_two_under_way_are_two_in_turn(engine: Pipelined, easel: Easel) -> None:
    """Two ticks at once give what they give one by one."""
    first, second = easel.still("ink", 1), easel.still("a red heart", 2)
    alone = [easel.alone(rows) for rows in (first, second)]
    tickets = [engine.begin(first), engine.begin(second)]
    for ticket, expected in zip(tickets, alone, strict=True):
        np.testing.assert_array_equal(image(engine.finish(ticket)[0]), expected)


def test_a_next_step_begun_early(engine: Pipelined, easel: Easel, two_steps: Student) -> None:
    """A job's second step may be begun while its first one is under way."""
    expected = easel.alone(easel.still(of=two_steps))
    first, second = easel.still(of=two_steps)
    tickets = [engine.begin([first]), engine.begin([second])]
    assert engine.finish(tickets[0])[0].image is None
    np.testing.assert_array_equal(image(engine.finish(tickets[1])[0]), expected)


def test_three_are_too_many(engine: Pipelined, easel: Easel) -> None:
    """A third tick is refused with a message, and harms neither of the two."""
    tickets = [engine.begin(easel.still()), engine.begin(easel.still())]
    with pytest.raises(EngineError, match="2 ticks are under way: finish one"):
        engine.begin(easel.still())
    assert all(engine.finish(ticket)[0].image is not None for ticket in tickets)
    assert engine.tick(easel.still())[0].image is not None


def test_finished_twice(engine: Pipelined, easel: Easel) -> None:
    """A ticket is good once."""
    ticket = engine.begin(easel.still())
    engine.finish(ticket)
    with pytest.raises(EngineError, match="finished"):
        engine.finish(ticket)


def test_too_many_rows(engine: Pipelined, easel: Easel) -> None:
    """More rows than the largest size are refused when they are begun."""
    with pytest.raises(EngineError, match="5 rows in a tick"):
        engine.begin([row for _ in range(5) for row in easel.still()])


def test_forgotten_while_under_way(engine: Pipelined, easel: Easel, two_steps: Student) -> None:
    """A job that is forgotten while its first step runs is gone when that is done."""
    first, second = easel.still(of=two_steps)
    ticket = engine.begin([first])
    engine.forget(first.job)
    engine.finish(ticket)
    assert "gone" in (engine.tick([second])[0].error or "")
