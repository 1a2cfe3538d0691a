"""PEFT's adapters fused: the weights that PEFT itself merges, and what is none of this network's."""

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from engines.errors import EngineError
from engines.families.stable_diffusion.adapters import fuse_adapters

from . import published
from .compare import same

ENDS = {"unet": (["to_q", "conv1"], ["conv_out", "proj_in"]), "vae": (["encoder.conv_in", "to_k"],)}
"""Of each network, the layers of its adapters: the second's are others than the first's."""


def _with_adapters(network: nn.Module, ends: tuple[list[str], ...]) -> Any:
    """A copy with adapters of random weights, by PEFT."""
    from peft import LoraConfig

    made: Any = copy.deepcopy(network)
    for at, layers in enumerate(ends):
        made.add_adapter(LoraConfig(r=4, init_lora_weights="gaussian", target_modules=layers), adapter_name=f"default_{at}")
    made.set_adapter([f"default_{at}" for at in range(len(ends))])
    torch.manual_seed(3)
    with torch.no_grad():
        for name, weight in made.named_parameters():
            if "lora" in name:
                weight.copy_(0.1 * torch.randn_like(weight))
    return made


def _published(network: nn.Module) -> dict[str, Tensor]:
    """Of a network with adapters, what their authors keep."""
    return {name: weight.clone() for name, weight in network.state_dict().items() if "lora" in name or "conv_in" in name}


@pytest.mark.parametrize("name", ENDS)
@pytest.mark.filterwarnings("ignore:Already found a `peft_config` attribute:UserWarning")
def test_as_peft_merges(name: str) -> None:
    """Two adapters, of linear layers and convolutions, and a layer that was trained whole, are fused as PEFT fuses them."""
    torch.manual_seed(1)
    network = published.unet("sd21") if name == "unet" else published.full_vae("sd21")
    adapted = _with_adapters(network, ENDS[name])
    with torch.no_grad():
        for one, weight in adapted.named_parameters():
            if "conv_in" in one and "lora" not in one:
                weight.add_(0.1)
    state = _published(adapted)
    for layer in adapted.modules():
        if hasattr(layer, "merge"):
            layer.merge()
    theirs = {one.replace(".base_layer.", "."): weight for one, weight in adapted.state_dict().items() if "lora" not in one}
    assert fuse_adapters(network, state, "it") >= 3
    for one, weight in network.state_dict().items():
        torch.testing.assert_close(weight, theirs[one], rtol=1e-5, atol=1e-6)


def test_what_is_not_of_the_network() -> None:
    """Adapters of another base, damaged ones, and ones that are no numbers, are refused with the layer's name; nothing is
    changed."""
    network = published.unet("sd21")
    before = copy.deepcopy(network)
    layer = "down_blocks.0.resnets.0.conv1"
    down, up = torch.ones(4, 16, 3, 3), torch.ones(16, 4, 1, 1)
    fine = {f"{layer}.lora_A.default.weight": down, f"{layer}.lora_B.default.weight": up}
    for wrong, why in (
        ({"down_blocks.7.conv.lora_A.a.weight": down, "down_blocks.7.conv.lora_B.a.weight": up}, "made for another base"),
        (fine | {f"{layer}.lora_B.default.weight": torch.ones(8, 4, 1, 1)}, "another base"),
        ({f"{layer}.lora_A.default.weight": down}, "lacks a half"),
        (fine | {f"{layer}.lora_B.default.weight": torch.ones(16, 3, 1, 1)}, "do not go"),
        (fine | {f"{layer}.lora_B.default.weight": up * torch.nan}, "no numbers"),
        (fine | {"conv_in.weight": torch.ones(3, 4, 3, 3)}, "another base"),
    ):
        with pytest.raises(EngineError, match=why):
            fuse_adapters(network, wrong, "it")
    assert same(network, before)
