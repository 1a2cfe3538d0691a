"""Does TensorRT-RTX run on a GPU that it does not name? Tried with a small student in a process of its own: libraries that
meet a GPU that they were not made for may end their process, and with it the table."""

import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_SECONDS = 150.0


def probe(folder: Path, command: Sequence[str] | None = None, seconds: float = _SECONDS) -> str | None:
    """Why it does not, or None if it does. `folder` is for what is built; `command` is run instead of `smallest`."""
    command = command or (sys.executable, "-m", "benchmarks.gpu.smallest", str(folder.resolve()))
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        return f"a small student was not painted within {seconds:g} s"
    if done.returncode == 0:
        return None
    if done.returncode < 0:
        return f"a small student ended its process by {signal.Signals(-done.returncode).name}"
    said = [line for line in done.stderr.splitlines() if line.strip()]
    return f"a small student was not painted: {said[-1] if said else f'status {done.returncode}'}"
