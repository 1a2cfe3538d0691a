"""End to end: the server around an engine of the benchmark's, on a processor and with small networks."""

import os
import subprocess
import sys
from pathlib import Path

from benchmarks.gpu.records import read_records
from benchmarks.gpu.table import said

ROOT = Path(__file__).parents[3]


def test_images_come_back_through_websockets(tmp_path: Path) -> None:
    """Each load is told as a record: what came, how long each stage took, and what it cost the server."""
    command = [sys.executable, "-m", "benchmarks.gpu.through", "--tiny", "--device", "cpu", "--out", str(tmp_path)]
    command += ["--clients", "1,2", "--sizes", "1,2", "--seconds", "1", "--folder", str(tmp_path / "kept")]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    told = read_records(tmp_path / "results.jsonl")
    assert [(record["kind"], record["clients"], record["unanswered"]) for record in told] == [
        ("through", 1, 0), ("through", 2, 0),
    ]  # fmt: skip
    assert all(record["images_per_s"] > 0 and record["p50_ms"]["engine"] > 0 and record["processor_ms"] > 0 for record in told)
    assert said(told[0]).startswith("through WebSocket, 1 clients: ")
