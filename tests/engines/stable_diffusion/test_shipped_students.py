"""Every student that ships loads from a mirror of the repositories that its file names, in their layouts."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from engines.engine import EngineError
from engines.stable_diffusion.load import load_parts
from engines.stable_diffusion.locate import locate
from engines.student import load_student, student_names
from engines.weights import Source

from .lora_files import changed
from .published import unet, write_network
from .shipped import Mirror

STUDENTS = [name for name in student_names() if load_student(name).weights is not None]


@pytest.fixture(scope="module")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Mirror:
    """A mirror that grows as students need it."""
    return Mirror(tmp_path_factory.mktemp("hub"))


@pytest.mark.parametrize("name", STUDENTS)
def test_loads(name: str, mirror: Mirror, tmp_path: Path) -> None:
    """The UNet is the one that the student's file names, to the bit, or with its LoRA to the rounding of float32."""
    student = load_student(name)
    weights = student.weights
    assert weights is not None
    mirror.write(student)
    if weights.unet is not None and weights.unet.path is not None:  # to be put there by hand
        write_network(tmp_path / "unet", unet(student.architecture), state=mirror.unet(weights.base.repo))
        weights = replace(weights, unet=Source(path=tmp_path / "unet"))
    expected = mirror.files.get(str(weights.unet), mirror.unet(weights.base.repo))
    if weights.loras:
        made = unet(student.architecture)
        made.load_state_dict(expected)
        changes = [(mirror.loras[str(lora.source)], lora.weight) for lora in weights.loras]
        expected = changed({"unet": made}, *changes)["unet"]
    loaded = load_parts(locate(weights, mirror.root), student.architecture, lambda said: None).unet.state_dict()
    assert loaded.keys() == expected.keys()
    off = 1e-6 if weights.loras else 0.0
    assert all(torch.allclose(loaded[key], expected[key].float(), rtol=off, atol=off) for key in loaded)


def test_a_folder_to_be_filled_by_hand() -> None:
    """A student whose weights are on no hub says where to put them, or how to name the place."""
    student = load_student("swiftbrush-v2")
    assert student.weights is not None
    assert student.weights.unet is not None
    with pytest.raises(EngineError, match=r"there is no folder .*swiftbrush-v2: put the weights there, or .*--weights"):
        load_parts(student.weights, student.architecture, lambda said: None)
