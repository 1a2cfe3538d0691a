"""A process for each turn: what it meets stays with it, and what does not end in time is ended."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_GRACE = 5.0
"""Seconds between being asked to end and being ended."""


def run_process(command: Sequence[str], seconds: float, grace: float = _GRACE) -> str | None:
    """Run it here, its output among ours. None if it ended well, else how it ended, in words.

    After `seconds` it is asked to end, and what it has started with it (compilers have processes of their own); then ended.
    """
    process = subprocess.Popen(command, cwd=ROOT, process_group=0)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        _end(process, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(grace)
        return f"was ended after {seconds:.0f} s"
    finally:
        _end(process, signal.SIGKILL)
        process.wait()
    if process.returncode < 0:
        return f"was ended by {signal.Signals(-process.returncode).name}"
    return f"ended with status {process.returncode}" if process.returncode else None


def _end(process: "subprocess.Popen[bytes]", how: signal.Signals) -> None:
    """The whole group: its leader may be gone, and others not."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, how)
