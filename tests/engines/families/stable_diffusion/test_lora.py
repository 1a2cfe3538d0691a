"""LoRA files: what they do equals W + weight * alpha / rank * up @ down, in every layout, or they are refused by name."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from engines.errors import EngineError
from engines.families.stable_diffusion.lora import fuse

from . import lora_files as files
from .compare import pipeline_of
from .published import State, networks, save_state, unet, write_pipeline

Networks = dict[str, Any]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A pipeline of each architecture."""
    root = tmp_path_factory.mktemp("pipelines")
    return {name: write_pipeline(root / name, name, layers=2) for name in ("sd15", "sdxl")}


def _networks(architecture: str, seed: int = 0) -> Networks:
    torch.manual_seed(seed)
    made = networks(architecture, layers=2)
    del made["vae"]
    return made


def _equal(made: Networks, states: dict[str, State]) -> bool:
    """To the rounding of float32, and to the bit where nothing was changed."""
    return all(
        torch.allclose(weight, states[network][name], rtol=1e-5, atol=1e-6)
        for network, module in made.items()
        for name, weight in module.state_dict().items()
    )


def _unchanged(made: Networks, before: dict[str, State]) -> bool:
    return all(
        torch.equal(weight, before[network][name]) for network in made for name, weight in made[network].state_dict().items()
    )


def _copied(made: Networks) -> dict[str, State]:
    return {network: {name: w.clone() for name, w in module.state_dict().items()} for network, module in made.items()}


LAYOUTS: dict[str, tuple[str, tuple[str, ...], Callable[[files.Changes, Networks], State]]] = {
    "kohya-sd15": ("sd15", files.DISTILLED + files.TEXT, lambda changes, made: files.kohya(changes)),
    "kohya-sd15-outside": ("sd15", files.OUTSIDE, lambda changes, made: files.kohya(changes)),
    "kohya-sdxl": ("sdxl", files.DISTILLED + files.TEXT, lambda changes, made: files.kohya(changes, "lora_te1_")),
    "kohya-sdxl-stability": (
        "sdxl", files.DISTILLED + files.TEXT + files.OUTSIDE,
        lambda changes, made: files.kohya_of_stability(changes, made["unet"]),
    ),
    "peft-sd15": ("sd15", files.DISTILLED + files.TEXT, lambda changes, made: files.peft(changes)),
    "peft-sdxl": ("sdxl", files.DISTILLED + files.TEXT, lambda changes, made: files.peft(changes)),
    "dotted-sdxl": ("sdxl", files.DISTILLED + files.TEXT, lambda changes, made: files.dotted(changes)),
    "processors": ("sd15", files.ATTENTION, lambda changes, made: files.processors(changes)),
    "processors-bare": ("sdxl", files.ATTENTION, lambda changes, made: files.processors(changes, "")),
}  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(layout: str, tmp_path: Path) -> None:
    """Each layer of each layout is changed by its pair, and no other layer is."""
    architecture, ends, write = LAYOUTS[layout]
    made = _networks(architecture)
    made = {"unet": made["unet"]} if files.TEXT[0] not in ends else made
    # where a layout has no alphas they are the ranks
    changes = files.changes_of(made, ends, alpha=2.0 if "kohya" in layout else 4.0)
    path = save_state(write(changes, made), tmp_path / "lora.safetensors")
    expected = files.changed(made, (changes, 0.5))
    assert fuse(path, 0.5, made) == len(changes)
    assert _equal(made, expected)


@pytest.mark.parametrize("layout", ["kohya-sd15", "kohya-sdxl", "kohya-sdxl-stability", "peft-sdxl", "dotted-sdxl"])
def test_as_diffusers_fuses_it(layout: str, tmp_path: Path, folders: dict[str, Path]) -> None:
    """The UNet equals the one that diffusers and PEFT load and fuse from the same file at the same weight."""
    architecture, ends, write = LAYOUTS[layout]
    pipeline = pipeline_of(folders[architecture])
    made = {"unet": pipeline_of(folders[architecture]).unet}
    changes = files.changes_of(made, tuple(end for end in ends if end not in (*files.TEXT, *files.OUTSIDE)))
    path = save_state(write(changes, made), tmp_path / "lora.safetensors")
    fuse(path, 0.75, made)
    pipeline.load_lora_weights(str(path))
    pipeline.fuse_lora(lora_scale=0.75)
    pipeline.unload_lora_weights()
    assert _equal(made, {"unet": pipeline.unet.state_dict()})


def test_what_diffusers_writes(tmp_path: Path, folders: dict[str, Path]) -> None:
    """A LoRA saved by diffusers notes its alpha beside its weights, where it counts as it does for diffusers."""
    from diffusers import StableDiffusionPipeline
    from peft import LoraConfig
    from peft.utils import get_peft_model_state_dict

    pipeline = pipeline_of(folders["sd15"])
    made = {"unet": pipeline_of(folders["sd15"]).unet}
    config = LoraConfig(r=4, lora_alpha=12, target_modules=list(files.DISTILLED), alpha_pattern={"conv1": 3, "attn2.to_q": 5})
    pipeline.unet.add_adapter(config)
    torch.manual_seed(1)
    with torch.no_grad():
        for name, weight in pipeline.unet.named_parameters():
            if "lora" in name:
                weight.normal_(0.0, 0.1)
    StableDiffusionPipeline.save_lora_weights(
        str(tmp_path), get_peft_model_state_dict(pipeline.unet), unet_lora_adapter_metadata=config.to_dict()
    )
    fuse(tmp_path / "pytorch_lora_weights.safetensors", 0.5, made)
    pipeline.fuse_lora(lora_scale=0.5)
    pipeline.unload_lora_weights()
    assert _equal(made, {"unet": pipeline.unet.state_dict()})


@pytest.mark.parametrize(("settings", "scale"), [({"lora_alpha": 12}, 3.0), ({"lora_alpha": 12, "use_rslora": True}, 6.0)])
def test_what_peft_exports(settings: dict[str, Any], scale: float, tmp_path: Path) -> None:
    """A LoRA saved by PEFT has its alpha in a file beside it, and without that file it is refused."""
    made = {"unet": unet("sd15")}
    changes = files.changes_of(made, files.ATTENTION, alpha=4.0)
    path = save_state(files.exported(changes), tmp_path / "adapter_model.safetensors")
    with pytest.raises(EngineError, match=r"adapter_config\.json beside it"):
        fuse(path, 1.0, made)
    (tmp_path / "adapter_config.json").write_text(json.dumps({"r": 4, **settings}))
    expected = files.changed(made, (changes, scale))
    fuse(path, 1.0, made)
    assert _equal(made, expected)


def test_several(tmp_path: Path) -> None:
    """Several files add up, each at its weight, and a weight below zero takes away."""
    made = _networks("sd15")
    one, other = files.changes_of(made, files.DISTILLED), files.changes_of(made, files.ATTENTION + files.TEXT, 3.0, rank=2)
    expected = files.changed(made, (one, 0.8), (other, -0.3))
    fuse(save_state(files.kohya(one), tmp_path / "one.safetensors"), 0.8, made)
    fuse(save_state(files.kohya(other), tmp_path / "other.bin"), -0.3, made)
    assert _equal(made, expected)


def test_half_precision(tmp_path: Path) -> None:
    """Halves in half precision are multiplied in float32."""
    made = {"unet": unet("sd15")}
    changes = files.changes_of(made, files.DISTILLED)
    changes = {key: files.Change(one.down.half(), one.up.half(), one.alpha) for key, one in changes.items()}
    expected = files.changed(made, (changes, 1.0))
    fuse(save_state(files.kohya(changes), tmp_path / "lora.safetensors"), 1.0, made)
    assert _equal(made, expected)


def test_matrices_for_convolutions_of_one_pixel(tmp_path: Path) -> None:
    """A file may have matrices where the network has convolutions of one pixel, and the other way round."""

    def otherwise(half: Tensor) -> Tensor:
        return half.flatten(1) if half.dim() == 4 else half[:, :, None, None]

    for architecture in ("sd15", "sdxl"):
        made = {"unet": unet(architecture)}
        changes = files.changes_of(made, ("proj_in", "proj_out"))
        turned = {key: files.Change(otherwise(one.down), otherwise(one.up), one.alpha) for key, one in changes.items()}
        expected = files.changed(made, (changes, 1.0))
        fuse(save_state(files.kohya(turned), tmp_path / f"{architecture}.safetensors"), 1.0, made)
        assert _equal(made, expected)


_DOWN, _UP = "lora_unet_conv_in.lora_down.weight", "lora_unet_conv_in.lora_up.weight"
REFUSED: dict[str, tuple[State, str]] = {
    "DoRA": ({"lora_unet_conv_in.dora_scale": torch.ones(16)}, "conv_in.dora_scale, which is a DoRA"),
    "PEFT's DoRA": ({"unet.conv_in.lora_magnitude_vector": torch.ones(16)}, "which is a DoRA"),
    "LoHa": ({"lora_unet_conv_in.hada_w1_a": torch.ones(16, 4)}, "which is a LoHa"),
    "LoKr": ({"lora_unet_conv_in.lokr_w1": torch.ones(16, 4)}, "which is a LoKr"),
    "LoCon": ({"lora_unet_conv_in.lora_mid.weight": torch.ones(4, 4, 3, 3)}, "which is a LoCon with a middle"),
    "difference": ({"lora_unet_conv_in.diff": torch.ones(16, 4, 3, 3)}, "which is a whole difference"),
    "checkpoint": ({"conv_in.weight": torch.ones(16, 4, 3, 3)}, "conv_in.weight, which is nothing known here"),
    "other layer": (
        {"lora_unet_no.lora_down.weight": torch.ones(4, 4), "lora_unet_no.lora_up.weight": torch.ones(4, 4)},
        "another architecture: it changes lora_unet_no, which this student does not have",
    ),
    "lost half": ({_DOWN: torch.ones(4, 4, 3, 3)}, "lacks a half of lora_unet_conv_in"),
    "lost both": ({"lora_unet_conv_in.alpha": torch.tensor(1.0)}, "lacks a half of lora_unet_conv_in"),
    "other shape": (
        {_DOWN: torch.ones(4, 9, 3, 3), _UP: torch.ones(16, 4, 1, 1)},
        r"unet.conv_in is \(16, 4, 3, 3\) here, and the file changes one of \(16, 81\)",
    ),
    "ranks": (
        {_DOWN: torch.ones(4, 4, 3, 3), _UP: torch.ones(16, 5, 1, 1)},
        "the halves of lora_unet_conv_in are .* not go together",
    ),
    "no rank": ({_DOWN: torch.ones(0, 4, 3, 3), _UP: torch.ones(16, 0, 1, 1)}, "the halves of lora_unet_conv_in are .*"),
    "no alpha": (
        {_DOWN: torch.ones(4, 4, 3, 3), _UP: torch.ones(16, 4, 1, 1), "lora_unet_conv_in.alpha": torch.tensor(torch.inf)},
        "the alpha of lora_unet_conv_in is inf",
    ),
    "no numbers": (
        {_DOWN: torch.full((4, 4, 3, 3), torch.nan), _UP: torch.ones(16, 4, 1, 1)},
        "lora_unet_conv_in holds values that are no numbers",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refused(what: str, tmp_path: Path) -> None:
    """What is no plain LoRA of these networks is refused by name and reason, and nothing is changed."""
    extra, reason = REFUSED[what]
    made = {"unet": unet("sd15")}
    good = files.kohya(files.changes_of(made, files.ATTENTION))
    before = _copied(made)
    path = save_state(good | extra, tmp_path / "lora.safetensors")
    with pytest.raises(EngineError, match=reason) as refused:
        fuse(path, 1.0, made)
    assert str(path) in str(refused.value)
    assert _unchanged(made, before)


def test_no_lora_at_all(tmp_path: Path) -> None:
    """A file with alphas alone changes nothing, and says so."""
    path = save_state({"lora_unet_conv_in.alpha": torch.tensor(1.0)}, tmp_path / "lora.safetensors")
    with pytest.raises(EngineError, match="holds no LoRA"):
        fuse(path, 1.0, {"unet": unet("sd15")})


@pytest.mark.parametrize(("theirs", "ours"), [("sdxl", "sd15"), ("sd15", "sdxl")])
def test_another_architecture(theirs: str, ours: str, tmp_path: Path) -> None:
    """A LoRA of another architecture is refused, by a layer or a shape that differs, and nothing is changed."""
    path = save_state(files.kohya(files.changes_of(_networks(theirs), files.DISTILLED)), tmp_path / "lora.safetensors")
    made = _networks(ours)
    before = _copied(made)
    with pytest.raises(EngineError, match="was made for another architecture"):
        fuse(path, 1.0, made)
    assert _unchanged(made, before)


@pytest.mark.parametrize(
    "noted", ["{", "[]", '{"unet.lora_alpha": "a lot"}', '{"unet.alpha_pattern": 3}', '{"unet.alpha_pattern": {"(": 1}}']
)
def test_settings_that_cannot_be_read(noted: str, tmp_path: Path) -> None:
    """Settings that a file notes in a wrong form are refused."""
    made = {"unet": unet("sd15")}
    path = tmp_path / "lora.safetensors"
    save_file(files.peft(files.changes_of(made, files.ATTENTION)), path, {"lora_adapter_metadata": noted})
    with pytest.raises(EngineError, match=r"the settings of the LoRA .* cannot be read"):
        fuse(path, 1.0, made)
