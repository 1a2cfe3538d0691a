"""What a user may give with --weights, told apart by what lies there."""

from dataclasses import replace
from pathlib import Path

import pytest

from engines.errors import EngineError
from engines.families.sources import Source
from engines.families.stable_diffusion.locate import locate
from engines.families.stable_diffusion.weights import ControlWeights, Lora, Weights

BASE, TINY = Source(repo="someone/base"), Source(repo="someone/tiny")
UNET = Source(repo="someone/student", file="deep/unet_fp16.bin")
LORA = Lora(Source(repo="someone/student", file="deep/lora.safetensors"), 0.5)
PLAIN = Weights(BASE, TINY)
FULL = Weights(BASE, TINY, UNET, (LORA,))


def _touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def test_nothing_given() -> None:
    """Without a place of the user's own the student's sources stand; the full VAE leaves out the tiny one."""
    assert locate(FULL, None) == FULL
    assert locate(FULL, None, full_vae=True) == Weights(BASE, None, UNET, (LORA,))


@pytest.mark.parametrize("name", ["model.safetensors", "model.ckpt", "unet.bin"])
def test_one_file(name: str, tmp_path: Path) -> None:
    """One file takes the UNet's place."""
    file = _touch(tmp_path / name)
    assert locate(FULL, file) == Weights(BASE, TINY, Source(path=tmp_path, file=name), (LORA,))


def test_a_unets_folder(tmp_path: Path) -> None:
    """A folder with a config takes the UNet's place."""
    _touch(tmp_path / "config.json")
    assert locate(PLAIN, tmp_path) == Weights(BASE, TINY, Source(path=tmp_path))


def test_a_pipeline(tmp_path: Path) -> None:
    """A pipeline stands for itself, with its own VAE and, for a student that has no other, its own UNet."""
    _touch(tmp_path / "model_index.json")
    assert locate(PLAIN, tmp_path) == Weights(Source(path=tmp_path), None)


def test_a_pipeline_without_the_students_unet(tmp_path: Path) -> None:
    """Its own UNet would paint noise: the student's is asked for, or the folder of one that is the student's already."""
    _touch(tmp_path / "model_index.json")
    _touch(tmp_path / "unet" / "config.json")
    with pytest.raises(
        EngineError,
        match=rf"{tmp_path} lacks this student's UNet; put unet_fp16\.bin beside model_index\.json; if the pipeline's own "
        rf"UNet is the student's already, give --weights {tmp_path}/unet$",
    ):
        locate(Weights(BASE, TINY, UNET), tmp_path)
    assert locate(Weights(BASE, TINY, UNET), tmp_path / "unet") == Weights(BASE, TINY, Source(path=tmp_path / "unet"))


def test_a_pipeline_for_a_student_whose_unet_is_a_folder(tmp_path: Path) -> None:
    """A UNet that is a folder is the one of the student's file, and never the pipeline's, whatever it is called."""
    own = tmp_path / "students" / "unet"
    given = _touch(tmp_path / "given" / "model_index.json").parent
    (given / "unet").mkdir()
    with pytest.raises(EngineError, match=rf"lacks this student's UNet; give --weights the folder of {own} instead; if"):
        locate(Weights(BASE, TINY, Source(path=own)), given)
    own.mkdir(parents=True)
    assert locate(Weights(BASE, TINY, Source(path=own)), given) == Weights(Source(path=given), None, Source(path=own))


def test_a_pipeline_for_a_student_whose_files_are_here(tmp_path: Path) -> None:
    """What the student's file says lies on this machine is used from there, unless it lies beside the pipeline too."""
    given = _touch(tmp_path / "given" / "model_index.json").parent
    own = _touch(tmp_path / "mine" / "unet.bin").parent
    _touch(own / "lora.safetensors")
    unet, lora = Source(path=own, file="unet.bin"), Lora(Source(path=own, file="lora.safetensors"), 0.5)
    assert locate(Weights(BASE, TINY, unet, (lora,)), given) == Weights(Source(path=given), None, unet, (lora,))
    _touch(given / "unet.bin")
    assert locate(Weights(BASE, TINY, unet), given).unet == Source(path=given, file="unet.bin")


def test_a_pipeline_with_the_students_files(tmp_path: Path) -> None:
    """A UNet or LoRA of the student's that lies beside a pipeline is used, and a LoRA that does not is asked for."""
    _touch(tmp_path / "model_index.json")
    _touch(tmp_path / "unet_fp16.bin")
    with pytest.raises(EngineError, match=r"lacks this student's LoRA; put lora\.safetensors beside model_index\.json$"):
        locate(FULL, tmp_path)
    _touch(tmp_path / "lora.safetensors")
    unet, lora = Source(path=tmp_path, file="unet_fp16.bin"), Lora(Source(path=tmp_path, file="lora.safetensors"), 0.5)
    assert locate(FULL, tmp_path) == Weights(Source(path=tmp_path), None, unet, (lora,))


def test_a_mirror(tmp_path: Path) -> None:
    """A mirror of the hub is used for the repositories that it has."""
    (tmp_path / "someone/base").mkdir(parents=True)
    assert locate(FULL, tmp_path) == Weights(Source(path=tmp_path / "someone/base"), TINY, UNET, (LORA,))
    (tmp_path / "someone/student").mkdir()
    (tmp_path / "someone/tiny").mkdir()
    student = tmp_path / "someone/student"
    assert locate(FULL, tmp_path) == Weights(
        Source(path=tmp_path / "someone/base"),
        Source(path=tmp_path / "someone/tiny"),
        Source(path=student, file=UNET.file),
        (Lora(Source(path=student, file=LORA.source.file), 0.5),),
    )


def test_controls_in_a_mirror(tmp_path: Path) -> None:
    """A mirror has control networks, too; those that it has not stay where they were."""
    for name in ("someone/base", "someone/canny"):
        (tmp_path / name).mkdir(parents=True)
    canny, depth = (ControlWeights(name, Source(repo=f"someone/{name}")) for name in ("canny", "depth"))
    found = locate(replace(FULL, controls=(canny, depth)), tmp_path).controls
    assert found == (ControlWeights("canny", Source(path=tmp_path / "someone/canny")), depth)


@pytest.mark.parametrize("made", [False, True])
def test_neither(made: bool, tmp_path: Path) -> None:
    """A place where nothing is, or nothing known, is refused with what was looked for."""
    given = tmp_path / "given"
    if made:
        given.mkdir()
    with pytest.raises(
        EngineError, match="someone/base/ in it" if made else f"--weights: there is nothing at {given}"
    ) as refused:
        locate(PLAIN, given)
    assert str(given) in str(refused.value)
