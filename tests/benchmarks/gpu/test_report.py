"""Records become lines and pictures, whatever of them is missing."""

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from benchmarks.gpu.plots import draw
from benchmarks.gpu.table import heading, said

ROW: dict[str, Any] = {
    "kind": "row", "engine": "torch", "family": "sd15", "pixels": 512, "precision": "fp16", "batch": 8, "under_way": 2,
    "images_per_s": 341.25, "p50_ms": 46.9, "p99_ms": 47.25, "jpeg_images_per_s": 320.0, "jpeg_p50_ms": 60.0,
    "jpeg_p99_ms": 65.0, "watts": 650.4, "joules_per_image": 1.906, "tflops": 364.1, "share": 0.4563, "waits_per_tick": 1.0,
    "graphs": [9, 9],
}  # fmt: skip
UNMEASURED = {
    **ROW,
    "watts": None,
    "joules_per_image": None,
    "tflops": None,
    "share": None,
    "waits_per_tick": None,
    "graphs": None,
}


def test_a_line() -> None:
    """Each figure under its heading."""
    cells = said(ROW).split()
    assert cells == [
        "torch", "sd15-512", "fp16", "8", "1", "341.2", "46.90", "47.25", "320.0", "60.00", "65.00", "650", "1.906", "364.1",
        "45.6%", "1.0", "9", "of", "9",
    ]  # fmt: skip
    assert heading().index("batch") + len("batch") == said(ROW).index("  8  ") + 3


def test_what_is_not_measured_is_a_dash() -> None:
    """Not zero."""
    assert said(UNMEASURED).split()[-6:] == ["-"] * 6


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"kind": "error", "what": "torch", "error": "OSError: no"}, "torch: FAILED: OSError: no"),
        ({"kind": "skipped", "what": "torch", "why": "late"}, "torch: late"),
        ({"kind": "machine", "device": "GPU", "tiny": False}, "device: GPU\ntiny: False"),
        (
            {"kind": "flops", "networks": "sd15-512", "graphs": {"encode": 2e11, "denoise": 8e11}},
            "sd15-512: 1 TFLOP an image (encode 0.2, denoise 0.8)",
        ),
        (
            {"kind": "peak", "precision": "float16", "tflops": {4096: 700.0, 8192: 798.0}, "peak": 798.0},
            "matrix products in float16, TFLOP/s by side: 4096: 700, 8192: 798; the peak is 798",
        ),
        (
            {"kind": "scene", "scene": "still", "cameras": 8, "rate": 30.0, "engine": "torch", "filtered": True, "skipped": 0.9,
             "busy": 0.1, "late": 0.0, "watts": 200.0, "joules_per_frame": 0.8},
            "still scene, 8 x 30 frames/s, torch, with the filter: 90% skipped, busy 10%, late 0%, 200 J a second, "
            "0.800 J a frame",
        ),
    ],
)  # fmt: skip
def test_other_records(record: dict[str, Any], expected: str) -> None:
    """In words."""
    assert said(record) == expected


def test_plots(tmp_path: Path) -> None:
    """A picture for each kind of networks, also of what was measured in part only."""
    rows = [{**ROW, "batch": batch, "under_way": depth} for batch in (1, 8) for depth in (1, 2)]
    machine = {"kind": "machine", "device": "a GPU"}
    paths = draw([machine, *rows, {**UNMEASURED, "family": "sdxl", "pixels": 1024}], tmp_path)
    assert [path.name for path in paths] == ["sd15-512.png", "sdxl-1024.png"]
    for path in paths:
        with Image.open(path) as image:
            assert (image.format, image.size) == ("PNG", (1210, 880))
            assert len(image.convert("RGB").getcolors(1 << 20) or ()) > 20
