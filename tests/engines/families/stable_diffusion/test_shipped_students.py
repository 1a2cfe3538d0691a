"""Every student that ships loads from a mirror of the repositories that its file names, in their layouts."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from engines.errors import EngineError
from engines.families.sources import Source
from engines.families.stable_diffusion.load import load_parts
from engines.families.stable_diffusion.locate import locate
from engines.families.stable_diffusion.variants import VARIANTS
from engines.students import load_student, student_names

from .compare import same
from .hub_server import point_at, serving
from .lora_files import changed
from .published import unet, write_network
from .shipped import Mirror

STUDENTS = [name for name in student_names() if load_student(name).txt2img and load_student(name).weights is not None]
"""But for those that translate pictures, which test_translator has."""


@pytest.fixture(scope="module")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Mirror:
    """A mirror that grows as students need it."""
    return Mirror(tmp_path_factory.mktemp("hub"))


@pytest.mark.parametrize("name", STUDENTS)
def test_loads(name: str, mirror: Mirror, tmp_path: Path) -> None:
    """The UNet is the one that the student's file names, to the bit, or with its LoRA to the rounding of float32."""
    student = load_student(name)
    weights: Any = student.weights
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
    loaded = load_parts(locate(weights, mirror.root), VARIANTS[student.architecture], lambda said: None).unet.state_dict()
    assert loaded.keys() == expected.keys()
    off = 1e-6 if weights.loras else 0.0
    assert all(torch.allclose(loaded[key], expected[key].float(), rtol=off, atol=off) for key in loaded)


@pytest.mark.parametrize("name", ["dmd2-sdxl-1step", "lcm-lora-sd15"])
def test_through_a_hub(name: str, mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Downloaded from a hub a student is the same as from a mirror, and of its base no UNet that is replaced is fetched."""
    student = load_student(name)
    weights: Any = student.weights
    mirror.write(student)
    here = load_parts(locate(weights, mirror.root), VARIANTS[student.architecture], lambda said: None)
    with serving(mirror.root) as hub:
        point_at(hub.url, tmp_path, monkeypatch)
        there = load_parts(weights, VARIANTS[student.architecture], lambda said: None)
    assert all(
        same(a, b) for a, b in zip((here.unet, here.vae, *here.encoders), (there.unet, there.vae, *there.encoders), strict=True)
    )
    fetched = {asked.path.partition("/resolve/main/")[2] for asked in hub.requests if asked.method == "GET"}
    assert not any(path.startswith("vae/diffusion") for path in fetched)
    assert any(path.startswith("unet/diffusion") for path in fetched) == (weights.unet is None)


def test_a_folder_to_be_filled_by_hand() -> None:
    """A student whose weights are on no hub says where to put them, or how to name the place."""
    student = load_student("swiftbrush-v2")
    weights: Any = student.weights
    assert weights.unet is not None
    with pytest.raises(EngineError, match=r"there is no folder .*swiftbrush-v2: put the weights there, or .*--weights"):
        load_parts(weights, VARIANTS[student.architecture], lambda said: None)
