"""The script of a borrowed GPU's three runs: sound, and everything that it starts is there."""

import importlib.util
import os
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[3]
SCRIPT = ROOT / "benchmarks" / "gpu" / "session.sh"


def test_it_is_sound(tmp_path: Path) -> None:
    """To the shell, and to whoever forgets which run; nothing is started then."""
    assert subprocess.run(["bash", "-n", str(SCRIPT)], check=False).returncode == 0
    environment = {"CARRIED": "/nowhere", "OUT": str(tmp_path), "PATH": os.defpath}
    done = subprocess.run(["bash", str(SCRIPT)], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "which run? 1, 2 or 3\n")


def test_what_it_starts_is_there() -> None:
    """Modules by name, and the page that says how long each run may take."""
    modules = set(re.findall(r"-m (benchmarks[\w.]+)", SCRIPT.read_text()))
    assert modules == {"benchmarks.gpu", "benchmarks.gpu.power", "benchmarks.gpu.through"}
    assert all(importlib.util.find_spec(module) for module in modules)
    page = (ROOT / "benchmarks" / "gpu" / "README.md").read_text()
    assert all(f"session.sh {run}`" in page for run in (1, 2, 3))
