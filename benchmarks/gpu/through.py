"""End to end: the server around our torch engine, JPEG in and out through WebSockets, told as records of a run.

python -m benchmarks.gpu.through --out results --clients 1,8,16 --seconds 8      # after a run that left its kernels
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from ..serving import free_port, running
from .records import Records

_FOLDER = Path(tempfile.gettempdir()) / "allaprima-benchmark"
_ROOT = Path(__file__).resolve().parents[2]


def main(arguments: list[str] | None = None) -> int:
    """0 if every load was answered."""
    parser = argparse.ArgumentParser(
        prog="benchmarks.gpu.through", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    out = os.environ.get("OUT")
    parser.add_argument("--out", type=Path, default=out, required=not out, help="folder of results.jsonl ($OUT)")
    parser.add_argument("--folder", type=Path, default=_FOLDER, help=f"of what engines build and keep ({_FOLDER})")
    parser.add_argument("--sizes", default="1,8", help="tick sizes")
    parser.add_argument("--shape", default="", help="sd15-512 unless tiny")
    parser.add_argument("--clients", default="1,8,16", help="streams at once, each with its window full; with commas")
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--ready", type=float, default=240.0, help="seconds in which it has to be ready")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--tiny", action="store_true")
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    records, port = Records(options.out), free_port()
    command = [sys.executable, "-m", "benchmarks.gpu.served", "--port", str(port), "--sizes", options.sizes]
    command += ["--folder", str(options.folder), "--device", options.device]
    command += [*(["--shape", options.shape] if options.shape else []), *(["--tiny"] if options.tiny else [])]
    answered = True
    with running(command, port, options.ready, cwd=_ROOT) as server:
        for clients in map(int, options.clients.split(",")):
            before = server.processor_seconds() or 0.0
            load = [sys.executable, "-m", "benchmarks.load", "--url", server.url, "--clients", str(clients)]
            load += ["--seconds", f"{options.seconds:g}", "--similarity", "off", "--json"]
            told = json.loads(subprocess.run(load, cwd=_ROOT, stdout=subprocess.PIPE, check=False, text=True).stdout)
            spent = (server.processor_seconds() or 0.0) - before
            records.tell(_record(told, clients, spent))
            answered = answered and told["images"] > 0 and not told["unanswered"]
    return 0 if answered else 1


def _record(told: dict[str, Any], clients: int, spent: float) -> dict[str, Any]:
    """`spent` seconds of the server's processor were for all images of the load, its warm-up included."""
    stages = {name: told["stages_ms"][name]["p50"] for name in ("wait", "decode", "engine", "encode", "total")}
    return {
        "kind": "through", "clients": clients, "images_per_s": told["images_per_s"], "rows": told["rows_per_tick"],
        "p50_ms": stages, "p99_ms": told["stages_ms"]["total"]["p99"], "unanswered": told["unanswered"],
        "failures": told["failures"], "processor_ms": 1000 * spent / max(1, told["painted"]),
    }  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
