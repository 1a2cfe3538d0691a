"""Files of students for tests: whole and right, of Stable Diffusion 1.5's shapes, with weights that are nowhere."""

from pathlib import Path

from engines.families.sources import Source
from engines.families.upscalers import UpscalerWeights
from engines.student import Upscaler

FEW_STEPS = 'schedule = "scaled-linear", prediction = "epsilon", times = [999, 749, 499, 249], strengths = "levels"'
"""A contract of four steps that repaints at its own levels."""


def student_text(name: str, contract: str = FEW_STEPS, size: tuple[int, int] = (64, 64), more: str = "") -> str:
    """A student's file. `contract` is what stands in its table, `size` width and height; `more` are further lines."""
    return f"""\
name = "{name}"
title = "A student for tests"
licence = "MIT"
source = "nowhere"
architecture = "sd15"
weights = {{ base = "someone/base", tiny = "someone/tiny" }}
image = {{ width = {size[0]}, height = {size[1]} }}
contract = {{ {contract} }}
{more}
"""


def write_student(folder: Path, name: str, contract: str = FEW_STEPS, size: tuple[int, int] = (64, 64), more: str = "") -> Path:
    """The same in a folder, under its name."""
    path = folder / f"{name}.toml"
    path.write_text(student_text(name, contract, size, more))
    return path


def an_upscaler() -> Upscaler:
    """One whose weights are nowhere: what the fake engine needs."""
    return Upscaler("larger", "network", UpscalerWeights(Source(path=Path("nowhere"), file="larger.onnx")), "MIT")
