"""Other people's clients, unmodified, against one server: in an environment of their own, which `make test` makes."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.student_files import write_student

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
FOREIGN = ROOT / ".venv" / "foreign"
PATIENCE = 120


@pytest.fixture(scope="session")
def _other(start: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("students")
    write_student(folder, "four", size=(256, 256))
    flags = ("--engine", "fake", "--fake-tick", "0.002", "--alias", "*")
    return start(*flags, "--students", str(folder), "--student", "embedded,four")


@pytest.fixture
def other(_other: Any) -> Any:
    """A server that goes by any model's name, with a second student of four steps; it lives, and logs no traceback."""
    yield _other
    assert _other.process.poll() is None
    assert "Traceback" not in _other.said()


def _run(*command: str, folder: Path | None = None, **environment: str) -> str:
    clean = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy") and name != "PYTHONPATH"}
    done = subprocess.run(
        command, env=clean | environment, cwd=folder, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def python() -> Callable[..., str]:
    """`python("script.py", "argument", NAME="value")`: run with those clients; what it prints."""
    program = _program("python")
    return lambda script, *arguments, **environment: _run(program, str(HERE / script), *arguments, **environment)


@pytest.fixture
def schemathesis(tmp_path: Path) -> Callable[..., str]:
    """`schemathesis("--option", address)`: what it says of a server, by its description of itself."""
    program, settings = _program("st"), str(HERE / "schemathesis.toml")
    return lambda *arguments: _run(program, "--config-file", settings, "run", "--no-color", *arguments, folder=tmp_path)


def _program(name: str) -> str:
    if not (FOREIGN / "ready").exists():
        pytest.skip("other people's clients are not installed: make .venv/foreign/ready")
    return str(FOREIGN / "bin" / name)


@pytest.fixture(scope="session")
def node() -> Callable[..., str]:
    """`node("script.mjs", "argument")`: likewise, for those in JavaScript."""
    modules = FOREIGN / "node"
    if shutil.which("node") is None or not (modules / "node_modules").exists():
        pytest.skip("node, or its clients, are not installed: make .venv/foreign/ready")

    def run(script: str, *arguments: str) -> str:
        shutil.copy(HERE / script, modules / script)  # modules are found from where a script lies
        return _run("node", "--experimental-websocket", "--no-warnings", str(modules / script), *arguments)

    return run
