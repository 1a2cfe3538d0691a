"""Pipelines in diffusers' layout, in each form of it that is published: what is loaded is what diffusers loads."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from engines.errors import EngineError
from engines.families.sources import Source
from engines.families.stable_diffusion.load import load_parts
from engines.families.stable_diffusion.parts import Parts
from engines.families.stable_diffusion.variants import SD15, VARIANTS
from engines.families.stable_diffusion.weights import Weights

from .compare import all_same, pipeline_of, same
from .published import MODEL, old_vae_state, save_state, text_state, write_network, write_pipeline, write_tiny, write_tokenizer

Said = tuple[list[str], Callable[[str], None]]


def _load(base: Path, architecture: str, **sources: Any) -> Parts:
    return load_parts(Weights(base=Source(path=base), tiny=None, **sources), VARIANTS[architecture], lambda said: None)


@pytest.mark.parametrize("architecture", ["sd15", "sd21", "sdxl"])
def test_architectures(architecture: str, tmp_path: Path) -> None:
    """Every weight of a pipeline of each architecture equals what diffusers loads."""
    folder = write_pipeline(tmp_path / "pipeline", architecture, layers=2)
    assert all_same(_load(folder, architecture), pipeline_of(folder))


@pytest.mark.parametrize(
    ("form", "options"),
    [
        ("bin", {"use_safetensors": False}),
        ("fp16-safetensors", {"variant": "fp16"}),
        ("fp16-bin", {"variant": "fp16", "use_safetensors": False}),
        ("sharded-safetensors", {}),
        ("sharded-bin", {"use_safetensors": False}),
        ("sharded-fp16-safetensors", {"variant": "fp16"}),
    ],
)
def test_forms(form: str, options: dict[str, Any], tmp_path: Path) -> None:
    """torch's own format, half precision and weights in several files are read as diffusers reads them."""
    folder = write_pipeline(tmp_path / "pipeline", "sd15", form)
    assert all_same(_load(folder, "sd15"), pipeline_of(folder, **options))


def test_half_precision_comes_first(tmp_path: Path) -> None:
    """Of a repository that has both, the file of half precision is read."""
    folder = write_pipeline(tmp_path / "pipeline")
    before = _load(folder, "sd15").unet
    write_network(folder / "unet", before, "fp16-safetensors", {name: 2 * w for name, w in before.state_dict().items()})
    after = _load(folder, "sd15").unet.state_dict()["conv_in.weight"]
    assert torch.equal(after, 2 * before.state_dict()["conv_in.weight"].half().float())


def test_names_of_older_files(tmp_path: Path) -> None:
    """A VAE with the attention's old names, and a text encoder with a table of positions, are read as diffusers reads them."""
    folder = write_pipeline(tmp_path / "pipeline")
    made = _load(folder, "sd15")
    write_network(folder / "vae", made.vae, state=old_vae_state(made.vae))
    write_network(folder / "text_encoder", made.encoders[0], state=text_state(made.encoders[0], old=True))
    again = _load(folder, "sd15")
    assert all_same(again, pipeline_of(folder))
    assert same(again.vae, made.vae)
    assert same(again.encoders[0], made.encoders[0])


def test_tiny_vae(tmp_path: Path) -> None:
    """TAESD's repository, with its other files beside, gives what diffusers loads from it."""
    from diffusers import AutoencoderTiny

    folder, tiny = write_pipeline(tmp_path / "pipeline"), write_tiny(tmp_path / "taesd")
    parts = load_parts(Weights(base=Source(path=folder), tiny=Source(path=tiny)), SD15, lambda said: None)
    assert isinstance(parts.vae, AutoencoderTiny)
    assert same(parts.vae, AutoencoderTiny.from_pretrained(str(tiny)))


def test_a_pipeline_with_a_tiny_vae_of_its_own(tmp_path: Path) -> None:
    """A pipeline may have saved a tiny VAE in its folder of the VAE."""
    from diffusers import AutoencoderTiny

    folder = write_pipeline(tmp_path / "pipeline")
    for file in (folder / "vae").iterdir():
        file.unlink()
    write_tiny(folder / "vae")
    assert isinstance(_load(folder, "sd15").vae, AutoencoderTiny)


@pytest.mark.parametrize("ending", ["safetensors", "bin"])
@pytest.mark.parametrize("architecture", ["sd15", "sdxl"])
def test_one_file_beside_a_base(ending: str, architecture: str, tmp_path: Path) -> None:
    """A UNet in one file of diffusers' names, in half precision, takes the place of the base's, of which no UNet is read."""
    base = write_pipeline(tmp_path / "base", architecture, seed=1)
    other = _load(write_pipeline(tmp_path / "other", architecture, seed=2), architecture).unet
    halved = {name: weight.half() for name, weight in other.state_dict().items()}
    file = save_state(halved, tmp_path / f"students/unet_fp16.{ending}")
    (base / "unet" / f"{MODEL}.safetensors").unlink()
    unet = _load(base, architecture, unet=Source(path=file.parent, file=file.name)).unet
    assert same(unet, other.half().float())


def test_a_training_checkpoint(tmp_path: Path) -> None:
    """A file that a training program wrote has its weights under `state_dict`, beside numbers of its own."""
    base = write_pipeline(tmp_path / "base")
    state = _load(base, "sd15").unet.state_dict()
    torch.save({"state_dict": state, "global_step": 1000}, tmp_path / "step.ckpt")
    assert same(_load(base, "sd15", unet=Source(path=tmp_path, file="step.ckpt")).unet, _load(base, "sd15").unet)


def test_a_folder_beside_a_base(tmp_path: Path) -> None:
    """A UNet in a folder of its own, with its own config, takes the place of the base's."""
    base = write_pipeline(tmp_path / "base", seed=1)
    other = write_pipeline(tmp_path / "other", seed=2, layers=2)
    unet = _load(base, "sd15", unet=Source(path=other / "unet")).unet
    assert same(unet, _load(other, "sd15").unet)


@pytest.mark.parametrize("fast", [True, False])
def test_tokenizers(fast: bool, tmp_path: Path) -> None:
    """Tokenizers are found in either form, and only their own folders are taken for them."""
    folder = write_pipeline(tmp_path / "pipeline", "sdxl", fast=fast)
    assert _load(folder, "sdxl").tokenizers == [folder / "tokenizer", folder / "tokenizer_2"]


def test_a_missing_part_is_named(tmp_path: Path) -> None:
    """A pipeline without a second text encoder is no SDXL, and the message says which file it lacks."""
    folder = write_pipeline(tmp_path / "pipeline", "sdxl")
    for file in (folder / "text_encoder_2").iterdir():
        file.unlink()
    with pytest.raises(EngineError, match=r"text_encoder_2/model is not among its \d+ files") as refused:
        _load(folder, "sdxl")
    assert str(folder) in str(refused.value)


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    """Of weights in several files, the one that is missing is named."""
    folder = write_pipeline(tmp_path / "pipeline", "sd15", "sharded-safetensors")
    (folder / "unet" / f"{MODEL}-00002-of-00002.safetensors").unlink()
    with pytest.raises(EngineError, match=r"there is no file .*unet/.*-00002-of-00002.safetensors"):
        _load(folder, "sd15")


@pytest.mark.parametrize(
    ("file", "text", "named"),
    [
        ("unet/config.json", "{", "unet/config.json"),
        ("unet/config.json", '{"down_block_types": ["Nothing2D"]}', "no UNet2DConditionModel"),
        ("text_encoder/config.json", '{"hidden_size": "wide"}', "no CLIPTextModel"),
        ("vae/config.json", '{"_class_name": "AutoencoderDC"}', "AutoencoderDC"),
        ("unet/diffusion_pytorch_model.safetensors.index.json", '{"weight_map": 3}', "index.json"),
    ],
)
def test_broken_tables(file: str, text: str, named: str, tmp_path: Path) -> None:
    """A config or an index that is cut off or describes nothing is refused by name, with a remedy."""
    folder = write_pipeline(tmp_path / "pipeline", "sd15", "sharded-safetensors" if "index" in file else "safetensors")
    (folder / file).write_text(text)
    with pytest.raises(EngineError, match=named) as refused:
        _load(folder, "sd15")
    assert "again" in str(refused.value) or "give" in str(refused.value)


def test_what_is_said(tmp_path: Path, said: Said) -> None:
    """The place that is read is told."""
    folder = write_pipeline(tmp_path / "pipeline")
    load_parts(Weights(base=Source(path=folder), tiny=None), SD15, said[1])
    assert said[0] == [f"reading {folder}"]


def test_foreign_files_are_left_alone(tmp_path: Path) -> None:
    """Files of other programs in a repository, and weights that are not the ones to serve, change nothing."""
    folder = write_pipeline(tmp_path / "pipeline")
    before = _load(folder, "sd15")
    state = {name: torch.zeros_like(weight) for name, weight in before.unet.state_dict().items()}
    save_state(state, folder / "unet" / f"{MODEL}.non_ema.safetensors")
    save_state(state, folder / "v1-5-pruned-emaonly.safetensors")
    (folder / "unet" / "model.onnx").write_bytes(b"nothing")
    write_tokenizer(folder / "tokenizer_old")
    assert same(_load(folder, "sd15").unet, before.unet)


def test_the_index_decides(tmp_path: Path) -> None:
    """A part that the index does not name is not read."""
    folder = write_pipeline(tmp_path / "pipeline", "sd15", "sharded-safetensors")
    before = _load(folder, "sd15").unet
    index = json.loads((folder / "unet" / f"{MODEL}.safetensors.index.json").read_text())
    assert set(index["weight_map"].values()) == {f"{MODEL}-0000{i}-of-00002.safetensors" for i in (1, 2)}
    save_state({"strange": torch.zeros(1)}, folder / "unet" / f"{MODEL}-00003-of-00002.safetensors")
    assert same(_load(folder, "sd15").unet, before)
