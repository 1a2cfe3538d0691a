"""The machine, told before anything is measured: the device, its energy counter or why there is none, and its peak.

python -m benchmarks.gpu.machine --out results --device cuda
"""

import argparse
import os
import platform
import sys
import time
from pathlib import Path
from typing import Any

import torch

from .peak import CPU_SIDES, GPU_SIDES, matrix_peak
from .power import PowerTrace, find_meter
from .records import Records


def describe(device: str, seconds: float, tiny: bool) -> dict[str, Any]:
    """What a run is a run of. `energy` says whose counter is read, or why none is."""
    on_gpu = device == "cuda"
    meter, why = find_meter(device)
    return {
        "kind": "machine",
        "energy": why or "NVML's counter",
        "metered": meter is not None,
        "device": device_name(device),
        "memory GiB": round(torch.cuda.get_device_properties(0).total_memory / 2**30, 1) if on_gpu else None,
        "processors": os.cpu_count(),
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "cuda": torch.version.cuda,
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "seconds": seconds,
        "tiny": tiny,
    }


def device_name(device: str) -> str:
    return torch.cuda.get_device_name() if device == "cuda" else f"{platform.machine()}, {os.cpu_count()} cores, no GPU"


def measure_peak(device: str, seconds: float) -> dict[str, Any]:
    """TFLOP/s of matrix products in the precision that others run in, by side, and the watts of that where they are counted."""
    dtype = torch.float16 if device == "cuda" else torch.float32
    meter, _ = find_meter(device)
    with PowerTrace(meter) as power:
        by_side = matrix_peak(device, dtype, GPU_SIDES if device == "cuda" else CPU_SIDES, min(1.0, seconds))
    precision = str(dtype).removeprefix("torch.")
    return {"kind": "peak", "device": device_name(device), "precision": precision, "tflops": by_side,
            "peak": max(by_side.values()), "watts": power.watts}  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="benchmarks.gpu.machine", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--device", choices=("cuda", "cpu"), required=True)
    parser.add_argument("--seconds", type=float, default=1.0, help="of products of each side")
    parser.add_argument("--tiny", action="store_true", help="the figures that follow mean nothing")
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    records = Records(options.out)
    records.tell(describe(options.device, options.seconds, options.tiny))
    name = device_name(options.device)
    if not any(record["kind"] == "peak" and record.get("device") == name for record in records.read()):
        records.tell(measure_peak(options.device, options.seconds))
    return 0


if __name__ == "__main__":
    sys.exit(main())
