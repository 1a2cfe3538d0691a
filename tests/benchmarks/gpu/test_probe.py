"""A library that ends its process is told of, and ends no more than that."""

import sys
from pathlib import Path

import pytest

from benchmarks.gpu.probe import probe


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("pass", None),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "a small student ended its process by SIGSEGV"),
        ("raise RuntimeError('no such GPU')", "a small student was not painted: RuntimeError: no such GPU"),
        ("import sys; sys.exit(3)", "a small student was not painted: status 3"),
    ],
)
def test_what_became_of_it(program: str, said: str | None, tmp_path: Path) -> None:
    """Nothing where it painted; else the signal, or the last line that it said."""
    assert probe(tmp_path, (sys.executable, "-c", program)) == said


def test_it_is_not_waited_for_without_end(tmp_path: Path) -> None:
    """After its time it is ended, which is a reason as well."""
    said = probe(tmp_path, (sys.executable, "-c", "import time; time.sleep(60)"), seconds=0.5)
    assert said == "a small student was not painted within 0.5 s"


def test_the_probe_itself(tmp_path: Path) -> None:
    """Without a GPU the small student is not painted, and the reason is the machine's."""
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    said = probe(tmp_path)
    assert said is not None
    assert "CUDA" in said
