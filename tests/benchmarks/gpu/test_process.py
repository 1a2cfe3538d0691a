"""A turn's process: how it ended, and that nothing of it stays."""

import os
import sys
import time
from pathlib import Path

import pytest

from benchmarks.gpu.process import run_process


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("pass", None),
        ("raise SystemExit(3)", "ended with status 3"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "was ended by SIGSEGV"),
    ],
)
def test_how_it_ended(code: str, said: str | None) -> None:
    """Well, with a status, or by a library that ended it."""
    assert run_process(python(code), 60.0) == said


def test_what_does_not_end_in_time_is_ended(tmp_path: Path) -> None:
    """With what it has started, and also where it does not listen."""
    started = tmp_path / "started"
    child = f"import os, time; open({str(started)!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    deaf = "import signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    deaf += f"subprocess.Popen([sys.executable, '-c', {child!r}]); time.sleep(600)"
    began = time.monotonic()
    limit = 1.0
    while not started.exists() and limit < 100:  # a busy machine may not have come so far
        said = run_process(python(deaf), limit, grace=0.2)
        limit *= 3
    assert said is not None
    assert said.startswith("was ended after")
    assert time.monotonic() - began < 300
    pid = int(started.read_text())
    while _is_alive(pid):
        time.sleep(0.05)


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_it_runs_in_the_repository() -> None:
    """Wherever the run was started from."""
    here = os.getcwd()
    os.chdir("/")
    try:
        assert run_process(python("import benchmarks.gpu.turns"), 60.0) is None
    finally:
        os.chdir(here)
