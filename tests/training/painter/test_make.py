"""The one command that makes a painter."""

import os
import subprocess
from pathlib import Path

import pytest


@pytest.fixture
def steps(tmp_path: Path) -> Path:
    """A folder of programs whose `python` only writes down what it was asked."""
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\n')
    python.chmod(0o755)
    return tmp_path


def _make(steps: Path, **settings: str) -> list[str]:
    """The commands of a run, in order, but for the shards, which are rendered beside the training."""
    out = steps / "out"
    given = {"BIN": str(steps), "OUT": str(out), "HOURS": "1", "DEVICE": "cuda", "BATCH": "4", **settings}
    subprocess.run(["sh", "training/painter/make.sh"], check=True, env={**os.environ, **given})
    return (steps / "asked").read_text().replace(str(out), "OUT").splitlines()


def test_from_nothing(steps: Path) -> None:
    """Photographs, drawings, a reader, the training of all looks, that of the eye, the graphs."""
    assert _make(steps) == [
        "-m training.photographs",
        "-m training.painter.things --to OUT",
        "-m training.painter.read --out OUT",
        "-m training.painter.train --out OUT --seconds 3600 --device cuda --batch 4",
        "-m training.painter.eye --out OUT --seconds 3600 --device cuda",
        "-m training.painter.export --from OUT --to OUT/student",
    ]


def test_some_looks_from_a_student(steps: Path) -> None:
    """Looks that are chosen, names of two words too, reach the training whole; a student's graphs are where it begins, once."""
    asked = _make(steps, LOOKS="comic,van gogh", FROM="shipped")
    assert asked[2] == "-m training.painter.from_student --from shipped --out OUT"
    assert asked[4].endswith("--looks comic,van gogh")
    (steps / "asked").unlink()
    (steps / "out" / "painter.pt").touch()
    assert not any("from_student" in line for line in _make(steps, LOOKS="comic", FROM="shipped"))


def test_on_a_processor_the_chosen_looks_are_rendered(steps: Path) -> None:
    """The shards beside the training are of the chosen looks as well."""
    asked = _make(steps, DEVICE="cpu", LOOKS="comic,van gogh")
    assert "-m training.painter.shards --out OUT --count 8 --looks comic,van gogh" in asked
