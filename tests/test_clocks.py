"""Clocks: what lasts is measured by one that cannot be set. The other is for showing, and is read in few places."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = sorted({path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests"} | {"clients"})

SHOWN = {
    "server/api/openai/answers.py": "`created` of an answer",
    "server/api/a1111/runs.py": "`job_timestamp` of what is under way",
    "server/server.py": "`created` of a model: when the server was started",
    "server/rates.py": "when there is room again in a rate, whose library counts by this clock",
    "server/otel.py": "spans begin and end at times of day",
    "engines/digests.py": "compared with the times of files, which are of this clock",
    "benchmarks/rehearsal/__main__.py": "Prometheus is asked for times of day",
    "benchmarks/gpu/machine.py": "the day of a run",
    "training/painter/train.py": "a seed that is another one each time",
    "training/train.py": "a seed that is another one each time",
}
"""Where the time of day is read, and what for. None of these is taken from another time."""

WALL_CLOCKS = {
    ("time", "time"), ("time", "time_ns"), ("time", "localtime"), ("time", "gmtime"), ("time", "ctime"),
    ("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("date", "today"),
}  # fmt: skip


def _readings(path: Path) -> Iterator[int]:
    """Lines that read the time of day, or take the function that does by its name."""
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Attribute(value=ast.Name(id=module)) if (module, node.attr) in WALL_CLOCKS:
                yield node.lineno
            case ast.ImportFrom() if {(node.module, name.name) for name in node.names} & WALL_CLOCKS:
                yield node.lineno


@pytest.mark.parametrize("package", PACKAGES)
def test_durations_are_monotonic(package: str) -> None:
    """Nothing reads the time of day but what shows it: a clock that is set must neither end nor prolong anything."""
    for path in sorted((ROOT / package).rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        lines = list(_readings(path))
        assert not lines or name in SHOWN, f"{name}, lines {lines}: measure with time.monotonic or time.perf_counter"


def test_the_page() -> None:
    """The page measures with performance.now, which is monotonic too."""
    for path in sorted((ROOT / "clients").rglob("*.js")):
        assert "Date.now" not in path.read_text(), path.name


def test_the_test() -> None:
    """What is looked for would be found."""
    assert [name for name in SHOWN if list(_readings(ROOT / name))] == list(SHOWN)
