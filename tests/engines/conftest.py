"""Engines to test: loaded once for all files, since building one takes seconds."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from engines.engine import Engine
from engines.factory import make_engine
from engines.options import OpenVinoOptions
from engines.student import Student

SIZES = (1, 2, 4)


@pytest.fixture(scope="session")
def two_steps(student: Student) -> Student:
    """The student that ships, driven in two steps."""
    return replace(student, contract=replace(student.contract, times=(1.0, 0.5)))


@pytest.fixture(scope="session")
def get_engine(student: Student, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Engine]:
    """`get_engine(kind)`: an engine of ticks of 1, 2 and 4, the same one each time."""
    cache: Path = tmp_path_factory.mktemp("engines")
    options = {"openvino": OpenVinoOptions("fp32", threads=1)}
    made: dict[str, Engine] = {}

    def get(kind: str) -> Engine:
        if kind not in made:
            if kind == "torch":
                pytest.importorskip("torch")
            made[kind] = make_engine(kind, student, SIZES, options.get(kind), cache=cache)
        return made[kind]

    return get
