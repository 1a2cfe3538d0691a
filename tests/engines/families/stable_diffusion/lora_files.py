"""LoRA files in the layouts of the programs that write them, and what they should do to a network."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from .published import State
from .stability_layout import unet_to_stability

DISTILLED = (
    "to_q", "to_k", "to_v", "to_out.0", "proj_in", "proj_out", "ff.net.0.proj", "ff.net.2", "conv1", "conv2", "conv_shortcut",
    "downsamplers.0.conv", "upsamplers.0.conv", "time_emb_proj",
)  # fmt: skip
"""The UNet's layers that LoRAs of distilled students change (tianweiy/DMD2, main/sdxl/extract_lora_module.py; LCM's too)."""
ATTENTION = ("to_q", "to_k", "to_v", "to_out.0")
OUTSIDE = ("conv_in", "conv_out", "linear_1", "linear_2")
TEXT = ("q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2")


@dataclass(frozen=True)
class Change:
    """A layer's two matrices and its alpha."""

    down: Tensor
    up: Tensor
    alpha: float


Changes = dict[tuple[str, str], Change]
"""By network (`unet`, `text_encoder`, `text_encoder_2`) and layer."""


def changes_of(networks: Mapping[str, nn.Module], ends: tuple[str, ...], alpha: float = 2.0, rank: int = 4) -> Changes:
    """Random changes of all layers whose names end so. A convolution's first half has its window."""
    made: Changes = {}
    for network, module in networks.items():
        for name, layer in module.named_modules():
            if not isinstance(layer, nn.Linear | nn.Conv2d) or not name.endswith(ends):
                continue
            out, *into = layer.weight.shape
            window = into[1:]
            made[network, name] = Change(
                torch.randn(rank, *into) * 0.1, torch.randn(out, rank, *(1 for _ in window)) * 0.1, alpha
            )
    assert made
    return made


def changed(networks: Mapping[str, nn.Module], *files: tuple[Changes, float]) -> dict[str, State]:
    """The weights of networks after changes at weights: W + weight * alpha / rank * up @ down, in double precision."""
    states = {network: dict(module.state_dict()) for network, module in networks.items()}
    for changes, weight in files:
        for (network, layer), change in changes.items():
            before = states[network][f"{layer}.weight"]
            rank = change.down.shape[0]
            product = change.up.reshape(-1, rank).double() @ change.down.reshape(rank, -1).double()
            states[network][f"{layer}.weight"] = before + (weight * change.alpha / rank * product).reshape(before.shape).float()
    return states


def kohya(changes: Changes, first: str = "lora_te_") -> State:
    """kohya's layout with diffusers' names of blocks; the first text encoder has another prefix in SDXL's files."""
    return _underscored({key: key[1] if key[0] == "unet" else _leveled(key[1]) for key in changes}, changes, first)


def kohya_of_stability(changes: Changes, unet: Any) -> State:
    """kohya's layout with Stability's names of blocks, as its trainer of SDXL writes them."""
    moved = {weight.data_ptr(): name for name, weight in unet_to_stability(unet).items()}
    names = {}
    for network, layer in changes:
        theirs = (
            moved[unet.get_submodule(layer).weight.data_ptr()].removeprefix("model.diffusion_model.")
            if network == "unet"
            else ""
        )
        names[network, layer] = theirs.removesuffix(".weight") or _leveled(layer)
    return _underscored(names, changes, "lora_te1_")


def peft(changes: Changes) -> State:
    """The layout that diffusers writes since it builds on PEFT. The file has no alphas: they are their ranks."""
    return _halves(changes, lambda network, layer: f"{network}.{_leveled(layer, network)}", ".lora_A", ".lora_B")


def dotted(changes: Changes) -> State:
    """The layout that diffusers wrote before, which calls the halves otherwise in text encoders."""
    state = {}
    for (network, layer), change in changes.items():
        kind = ".lora" if network == "unet" else ".lora_linear_layer"
        name = f"{network}.{_leveled(layer, network)}{kind}"
        state |= {f"{name}.down.weight": change.down, f"{name}.up.weight": change.up}
    return state


def processors(changes: Changes, prefix: str = "unet.") -> State:
    """The layout of the first LoRAs of diffusers: parts of attention processors."""

    def name(network: str, layer: str) -> str:
        attention, _, part = layer.removesuffix(".0").rpartition(".")
        return f"{prefix}{attention}.processor.{part}"

    return _halves(changes, name, "_lora.down", "_lora.up")


def exported(changes: Changes) -> State:
    """What PEFT itself saves of a UNet; `adapter_config.json` lies beside."""
    return _halves(changes, lambda network, layer: f"base_model.model.{layer}", ".lora_A", ".lora_B")


def _leveled(layer: str, network: str = "text_encoder") -> str:
    """A layer as files name it: those of text encoders below `text_model`."""
    return layer if network == "unet" or layer.startswith("text_model.") else f"text_model.{layer}"


def _underscored(names: Mapping[tuple[str, str], str], changes: Changes, first: str) -> State:
    prefixes = {"unet": "lora_unet_", "text_encoder": first, "text_encoder_2": "lora_te2_"}
    state = {}
    for (network, layer), name in names.items():
        change, name = changes[network, layer], prefixes[network] + name.replace(".", "_")
        state[f"{name}.lora_down.weight"] = change.down
        state[f"{name}.lora_up.weight"] = change.up
        state[f"{name}.alpha"] = torch.tensor(change.alpha)
    return state


def _halves(changes: Changes, name: Any, down: str, up: str) -> State:
    state = {}
    for (network, layer), change in changes.items():
        state[f"{name(network, layer)}{down}.weight"] = change.down
        state[f"{name(network, layer)}{up}.weight"] = change.up
    return state
