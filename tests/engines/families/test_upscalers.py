"""Upscalers as students' files and flags state them, and what is wrong there."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from engines.families.sources import Source
from engines.families.upscalers import SD21, UpscalerWeights, chosen_upscaler
from engines.students.files import BadStudent, parse_student
from tests.student_files import student_text

OSEDIFF = """
[upscale]
name = "osediff"
kind = "osediff"
weights = { path = "weights", file = "osediff.pkl" }
base = "someone/sd21"
licence = "Apache-2.0"
prompt = "clean"
colours = "wavelet"
tile = 512
overlap = 128
"""


def _parsed(table: str, **change: str) -> Any:
    for old, new in change.items():
        lines = [new if line.startswith(f"{old} =") else line for line in table.splitlines()]
        table = "\n".join(lines)
    return parse_student(tomllib.loads(student_text("larger", more=table)), Path("/here")).upscaler


def test_a_table() -> None:
    """A student's file states all of its upscaler; paths begin at the file."""
    one = _parsed(OSEDIFF)
    assert (one.name, one.kind, one.licence, one.prompt) == ("osediff", "osediff", "Apache-2.0", "clean")
    assert (one.colours, one.tile, one.overlap) == ("wavelet", 512, 128)
    assert one.weights == UpscalerWeights(Source(path=Path("/here/weights"), file="osediff.pkl"), Source(repo="someone/sd21"))
    assert one.weights.described() == {"file": "/here/weights/osediff.pkl", "base": "someone/sd21"}
    plain = _parsed(OSEDIFF, base="", kind='kind = "network"', prompt="", colours="", tile="", overlap="")
    assert (plain.kind, plain.weights.base, plain.tile) == ("network", None, 768)


@pytest.mark.parametrize(("change", "why"), [
    ({"licence": ""}, "upscale lacks its licence"),
    ({"base": ""}, "osediff states the base"),
    ({"kind": 'kind = "network"'}, "a network has none"),
    ({"kind": 'kind = "esrgan"'}, "a network has none|unknown kind"),
    ({"colours": 'colours = "sepia"'}, "unknown colours of an upscaler 'sepia'; known: adain, wavelet, none"),
    ({"tile": "tile = 500"}, "tile must be a multiple of 64"),
    ({"overlap": "overlap = 300"}, "overlap must be"),
    ({"prompt": "scale = 3"}, "unknown key 'upscale.scale'; known: base"),
    ({"weights": 'weights = "someone/osediff"'}, "weights are one file"),
    ({"name": 'name = ""'}, "an upscaler's name is up to 48"),
])  # fmt: skip
def test_wrong_tables(change: dict[str, str], why: str) -> None:
    """What is wrong in a table is said when the file is read."""
    with pytest.raises(BadStudent, match=f"the file of student 'larger': .*({why})"):
        _parsed(OSEDIFF, **change)


def test_by_a_flag(tmp_path: Path) -> None:
    """A graph, OSEDiff's file, and a pipeline's folder with that in it are told apart; what is none of them is refused."""
    graph, file = chosen_upscaler("x2", "up/x2.onnx"), chosen_upscaler("ose", "up/osediff.pkl")
    assert (graph.kind, graph.weights) == ("network", UpscalerWeights(Source(path=Path("up"), file="x2.onnx")))
    assert file.weights == UpscalerWeights(Source(path=Path("up"), file="osediff.pkl"), Source(repo=SD21))
    for name in ("model_index.json", "osediff.pkl"):
        (tmp_path / name).write_text("")
    folder = chosen_upscaler("ose", str(tmp_path))
    assert folder.weights == UpscalerWeights(Source(path=tmp_path, file="osediff.pkl"), Source(path=tmp_path))
    (tmp_path / "model_index.json").unlink()
    with pytest.raises(ValueError, match=r"beside model_index\.json, not"):
        chosen_upscaler("ose", str(tmp_path))
