"""The names under which LoRA files speak of a network's layers, whatever program wrote them.

kohya's programs join prefix and layer by underscores (`lora_unet_down_blocks_0_...`), with diffusers' or Stability's names
of blocks; diffusers and PEFT write layers with dots, older diffusers by their attention's processor. Underscores cannot be
split again (`conv_in`, `to_q`), so every spelling of every layer is put in one table instead.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

from .networks import bare
from .stability_names import unet_names

_PREFIXES = {"unet": ("lora_unet_",), "text_encoder": ("lora_te_", "lora_te1_"), "text_encoder_2": ("lora_te2_",)}
_PROCESSOR = re.compile(r"\.processor\.(to_[qkv]|to_out)$")


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer that LoRA can change: its network, its name in it, and itself."""

    network: str
    name: str
    module: Any

    def __str__(self) -> str:
        return f"{self.network}.{self.name}"


class Layers:
    """The linear layers and convolutions of networks called unet, text_encoder and text_encoder_2, by any spelling."""

    def __init__(self, networks: Mapping[str, nn.Module]) -> None:
        self._by_name: dict[str, Layer] = {}
        for network, module in networks.items():
            found = {
                bare(name): Layer(network, bare(name), layer)
                for name, layer in module.named_modules()
                if isinstance(layer, nn.Linear | nn.Conv2d)
            }
            for name, layer in found.items():
                self._by_name[f"{network}.{name}"] = layer
            level = "" if network == "unet" else "text_model."
            spelled = {f"{level}{name}": layer for name, layer in found.items()}
            if network == "unet":
                per_block: Any = module.config.layers_per_block  # type: ignore[union-attr]
                spelled |= {theirs: found[name] for name, theirs in unet_names(found, per_block).items()}
            for prefix in _PREFIXES[network]:
                self._by_name |= {prefix + name.replace(".", "_"): layer for name, layer in spelled.items()}

    def get(self, name: str) -> Layer | None:
        """The layer that a file calls by this name."""
        return self._by_name.get(name) or self._by_name.get(_dotted(name))


def _dotted(name: str) -> str:
    """Dotted names of all programs, as `network.layer`. Without a network it is the UNet's."""
    name = name.replace("base_model.model.", "")
    network, _, layer = name.partition(".")
    if network not in _PREFIXES:
        network, layer = "unet", name
    layer = _PROCESSOR.sub(lambda found: ".to_out.0" if found[1] == "to_out" else f".{found[1]}", layer)
    return f"{network}.{bare(layer)}"
