"""Who may paint for whom."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engines.choices import Choices
from engines.families.sources import Source
from engines.families.upscalers import UpscalerWeights
from engines.student import Student
from engines.students import load_student
from server.lane import lane_of
from tests.student_files import an_upscaler

PLAIN = Choices()


def test_the_same_everywhere(student: Student) -> None:
    """A front end that has neither graphs nor weights is in the lane of workers that have them, wherever those lie."""
    assert lane_of(replace(student, graphs=None), PLAIN, "1") == lane_of(student, PLAIN, "1")
    there, here = (Choices(loras=((Path(folder) / "a.safetensors", 0.8),)) for folder in ("/there", "/here"))
    assert lane_of(student, there, "1") == lane_of(student, here, "1")


@pytest.mark.parametrize(
    "other",
    [
        Choices(weights=Path("other.safetensors")),
        Choices(loras=((Path("a.safetensors"), 0.8),)),
        Choices(controls=(("canny", "somewhere"),)),
        Choices(full_vae=True),
    ],
)
def test_another_build(student: Student, other: Choices) -> None:
    """Whatever makes other pictures is another lane."""
    assert lane_of(student, other, "1") != lane_of(student, PLAIN, "1")


def test_others(student: Student) -> None:
    """So is another size, another student, and another schema."""
    lanes = {
        lane_of(student, PLAIN, "1"),
        lane_of(student, PLAIN, "2"),
        lane_of(replace(student, width=512), PLAIN, "1"),
        lane_of(load_student("sd-turbo"), PLAIN, "1"),
    }
    assert len(lanes) == 4


def test_upscalers(student: Student) -> None:
    """What makes pictures larger counts by its name, its files' names and its numbers, and not by where it lies."""

    def lane(**more: Any) -> str:
        return lane_of(replace(student, upscaler=replace(an_upscaler(), **more)), PLAIN, "1")

    elsewhere = UpscalerWeights(Source(path=Path("/elsewhere"), file="larger.onnx"))
    assert lane(weights=elsewhere) == lane()
    others = [lane(name="other"), lane(tile=512), lane(weights=UpscalerWeights(Source(repo="someone/else", file="x.onnx")))]
    assert len({lane_of(student, PLAIN, "1"), lane(), *others}) == 5
