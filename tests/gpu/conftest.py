"""A device for each test that asks for one, and the student that ships, driven in two steps.

Two marks, known here since on a bare machine there is no configuration: `short` is a selection of a minute and a half that
says whether an engine paints here at all, captured; `exhausting` takes all of the card's memory, and so runs only where it
is asked for, alone.
"""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from engines.gpu.driver import Driver
from engines.student import Student
from tests.gpu.device import open_driver

EXHAUSTING = "exhausting"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "short: whether an engine paints here at all, captured; under 90 s on a large GPU")
    config.addinivalue_line("markers", f"{EXHAUSTING}: takes all of the card's memory; only with -m {EXHAUSTING}")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What takes all memory is left out of every selection that does not name it: others would fail beside it."""
    if EXHAUSTING in config.getoption("-m"):
        return
    left_out = [item for item in items if item.get_closest_marker(EXHAUSTING)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


@pytest.fixture
def cuda() -> Iterator[Driver]:
    driver = open_driver()
    yield driver
    driver.close()


@pytest.fixture(scope="session")
def two_steps(student: Student) -> Student:
    return replace(student, contract=replace(student.contract, times=(1.0, 0.5)))
