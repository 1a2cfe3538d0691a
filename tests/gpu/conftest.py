"""A device for each test that asks for one, and the student that ships, driven in two steps."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from engines.gpu.driver import Driver
from engines.student import Student
from tests.gpu.device import open_driver


@pytest.fixture
def cuda() -> Iterator[Driver]:
    driver = open_driver()
    yield driver
    driver.close()


@pytest.fixture(scope="session")
def two_steps(student: Student) -> Student:
    return replace(student, contract=replace(student.contract, times=(1.0, 0.5)))
