"""A student's graphs: which files they are, and in which precision a GPU computes them."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engines.errors import EngineError
from engines.graphs import graph_files, precisions
from engines.student import Student


@pytest.mark.parametrize(
    ("architecture", "vae", "decode"),
    [
        ("sdxl", {"class": "AutoencoderKL", "config": {"force_upcast": True}}, "bf16"),
        ("sdxl", {"class": "AutoencoderKL", "config": {}}, "bf16"),
        ("sdxl", {"class": "AutoencoderKL", "config": {"force_upcast": False}}, "fp16"),
        ("sdxl", {"class": "AutoencoderTiny", "config": {"force_upcast": False}}, "fp16"),
        ("sd15", {"class": "AutoencoderKL", "config": {"force_upcast": True}}, "fp16"),
        ("sdxl", None, "bf16"),
    ],
)
def test_what_overflows(architecture: str, vae: dict[str, Any] | None, decode: str, student: Student, tmp_path: Path) -> None:
    """SDXL's own autoencoder leaves the range of fp16, and those mended or tiny do not; where nobody knows, bf16 is safe."""
    if vae is not None:
        (tmp_path / "networks.json").write_text(json.dumps({"vae": vae}))
    painter = replace(student, architecture=architecture, graphs=tmp_path)
    assert precisions(painter, "auto") == {"text": "fp16", "encode": decode, "denoise": "fp16", "decode": decode}
    assert set(precisions(painter, "fp16").values()) == {"fp16"}


def test_a_student_without_graphs(student: Student, tmp_path: Path) -> None:
    """A student that has no graphs, or not all, is told how to get them."""
    with pytest.raises(EngineError, match="has no graphs yet: allaprima build embedded"):
        graph_files(replace(student, graphs=None))
    with pytest.raises(EngineError, match=r"lacks text.onnx, encode.onnx, denoise.onnx, decode.onnx in .*build\s*again"):
        graph_files(replace(student, graphs=tmp_path))
