"""Engines by name."""

import subprocess
import sys

import pytest

from engines.engine import EngineError
from engines.factory import ENGINES, make_engine
from engines.student import Student


def test_fake(student: Student) -> None:
    """An engine is made with its options."""
    engine = make_engine("fake", student, (1, 2), tick_seconds=0.5)
    assert (engine.backend, engine.batch_sizes, engine.student) == ("fake", (1, 2), student)
    assert engine.warm_up()[1] == 0.5


@pytest.mark.parametrize("kind", ["", "Fake", "tensorflow"])
def test_unknown(student: Student, kind: str) -> None:
    """An engine that is not there is refused with those that are."""
    with pytest.raises(EngineError, match=", ".join(ENGINES)):
        make_engine(kind, student, (1,))


def test_torch_not_installed(student: Student, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its extra the torch engine says which to install."""
    monkeypatch.setitem(sys.modules, "engines.pytorch.reference", None)
    with pytest.raises(EngineError, match=r"pip install 'allaprima\[torch\]'"):
        make_engine("torch", student, (1,))


def test_serving_needs_no_torch() -> None:
    """Neither the server nor the default engine imports torch."""
    code = "import sys, server.__main__, engines.openvino_engine; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
