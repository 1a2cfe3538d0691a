"""Whole models in one file, in the layout of Stability's code: what is loaded is what was saved, and what diffusers loads."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from engines.errors import EngineError
from engines.families.sources import Source
from engines.families.stable_diffusion.load import load_parts
from engines.families.stable_diffusion.parts import Parts
from engines.families.stable_diffusion.variants import VARIANTS
from engines.families.stable_diffusion.weights import Weights

from .compare import all_same, same
from .published import State, networks, save_state, write_pipeline, write_tiny
from .stability_layout import unet_to_stability, whole_model

_UNET = "model.diffusion_model."


@dataclass(frozen=True)
class One:
    """A whole model, the networks that it was made of, and a base of other weights."""

    architecture: str
    base: Path
    made: dict[str, Any]
    state: State

    def load(self, state: State, folder: Path, **sources: Any) -> Parts:
        file = save_state(state, folder / "model.safetensors")
        weights = Weights(
            **({"base": Source(path=self.base), "tiny": None} | sources), unet=Source(path=folder, file=file.name)
        )
        return load_parts(weights, VARIANTS[self.architecture], lambda said: None)

    @property
    def encoders(self) -> list[Any]:
        return [network for name, network in self.made.items() if name.startswith("text")]


def _one(architecture: str, folder: Path) -> One:
    base = write_pipeline(folder / "base", architecture, seed=1, layers=2)
    torch.manual_seed(2)
    made = networks(architecture, layers=2)
    return One(architecture, base, made, whole_model(architecture, made))


@pytest.fixture(scope="module", params=["sd15", "sd21", "sdxl"])
def one(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> One:
    """A whole model of each architecture."""
    return _one(request.param, tmp_path_factory.mktemp("whole"))


@pytest.fixture(scope="module")
def sd15(tmp_path_factory: pytest.TempPathFactory) -> One:
    """A whole model of Stable Diffusion 1.5."""
    return _one("sd15", tmp_path_factory.mktemp("whole"))


def test_every_weight_is_the_files(one: One, tmp_path: Path) -> None:
    """UNet, VAE and text encoders all come from the file, to the bit, and none from the base."""
    parts = one.load(one.state, tmp_path)
    assert same(parts.unet, one.made["unet"])
    assert same(parts.vae, one.made["vae"])
    assert [same(ours, made) for ours, made in zip(parts.encoders, one.encoders, strict=True)] == [True] * len(one.encoders)


def test_as_diffusers_reads_it(one: One, tmp_path: Path) -> None:
    """diffusers' own reading of the same file gives the same networks, so the file is as such files are."""
    import diffusers

    diffusers.utils.logging.disable_progress_bar()
    parts = one.load(one.state, tmp_path)
    kind = diffusers.StableDiffusionXLPipeline if one.architecture == "sdxl" else diffusers.StableDiffusionPipeline
    pipeline = kind.from_single_file(str(tmp_path / "model.safetensors"), config=str(one.base), local_files_only=True)
    assert all_same(parts, pipeline)


def test_a_base_of_configs_is_enough(one: One, tmp_path: Path) -> None:
    """Of the base nothing but configs and tokenizers is needed, so nothing else is downloaded."""
    base = tmp_path / "base"
    for path in one.base.rglob("*"):
        if path.is_file() and path.suffix != ".safetensors":
            (base / path.relative_to(one.base)).parent.mkdir(parents=True, exist_ok=True)
            (base / path.relative_to(one.base)).write_bytes(path.read_bytes())
    assert same(one.load(one.state, tmp_path, base=Source(path=base)).unet, one.made["unet"])


@pytest.mark.parametrize("prefix", [_UNET, ""])
def test_the_unet_alone(prefix: str, one: One, tmp_path: Path) -> None:
    """A file of the UNet alone, with or without its prefix, leaves the base its VAE and text encoders."""
    state = {prefix + name.removeprefix(_UNET): weight for name, weight in unet_to_stability(one.made["unet"]).items()}
    parts = one.load(state, tmp_path)
    whole = load_parts(Weights(base=Source(path=one.base), tiny=None), VARIANTS[one.architecture], lambda said: None)
    assert same(parts.unet, one.made["unet"])
    assert same(parts.vae, whole.vae)
    assert [same(ours, base) for ours, base in zip(parts.encoders, whole.encoders, strict=True)] == [True] * len(whole.encoders)


def test_the_tiny_vae_stays(sd15: One, tmp_path: Path) -> None:
    """A student's tiny VAE is used rather than the file's, until the full one is asked for."""
    from diffusers import AutoencoderTiny

    parts = sd15.load(sd15.state, tmp_path, tiny=Source(path=write_tiny(tmp_path / "taesd")))
    assert isinstance(parts.vae, AutoencoderTiny)


def test_half_precision(sd15: One, tmp_path: Path) -> None:
    """A file in half precision is read as such."""
    halved = {name: weight.half() if weight.is_floating_point() else weight for name, weight in sd15.state.items()}
    unet = sd15.load(halved, tmp_path).unet
    assert torch.equal(unet.state_dict()["conv_in.weight"], sd15.made["unet"].state_dict()["conv_in.weight"].half().float())


def test_text_encoders_without_a_level(sd15: One, tmp_path: Path) -> None:
    """Older merges of models leave out the level `text_model` in the names of the text encoder."""
    state = {name.replace("transformer.text_model.", "transformer."): weight for name, weight in sd15.state.items()}
    assert state.keys() != sd15.state.keys()
    assert same(sd15.load(state, tmp_path).encoders[0], sd15.made["text_encoder"])


@pytest.mark.parametrize(
    ("lost", "named"),
    [
        ("model.diffusion_model.input_blocks.1.0.in_layers.2.weight", "lacks a weight .down_blocks.0.resnets.0.conv1.weight"),
        ("first_stage_model.decoder.mid.attn_1.q.weight", "the VAE in .* lacks .*decoder.mid_block.attentions.0.to_q.weight"),
        ("cond_stage_model.transformer.text_model.final_layer_norm.bias", "text encoder 1 in .* lacks .*final_layer_norm.bias"),
    ],
)
def test_a_lost_weight_is_named(lost: str, named: str, sd15: One, tmp_path: Path) -> None:
    """A weight that the file lacks is refused by name, wherever it lies."""
    state = {name: weight for name, weight in sd15.state.items() if name != lost}
    with pytest.raises(EngineError, match=named) as refused:
        sd15.load(state, tmp_path)
    assert "damaged" in str(refused.value)


def test_another_architecture(one: One, tmp_path: Path) -> None:
    """A whole model of another architecture is refused by name, with what it should have been."""
    other = "sd15" if one.architecture != "sd15" else "sdxl"
    base = write_pipeline(tmp_path / "base", other, layers=2)
    save_state(one.state, tmp_path / "model.safetensors")
    weights = Weights(base=Source(path=base), tiny=None, unet=Source(path=tmp_path, file="model.safetensors"))
    with pytest.raises(EngineError, match=r"model\.safetensors.*of another architecture"):
        load_parts(weights, VARIANTS[other], lambda said: None)
