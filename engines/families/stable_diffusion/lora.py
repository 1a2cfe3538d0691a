"""Fuse LoRA files into networks: W + weight * (alpha / rank) * up @ down (Hu et al. 2021, section 4.1)."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn

from ...errors import EngineError
from .lora_file import Pair, read_lora
from .lora_names import Layers
from .networks import check_numbers


def fuse(path: Path, weight: float, networks: Mapping[str, nn.Module]) -> int:
    """Add a LoRA file to networks called unet, text_encoder and text_encoder_2, in place. How many layers it changed.

    Raises EngineError, with nothing changed, if the file cannot be read or was made for other networks.
    """
    layers = Layers(networks)
    pairs = read_lora(path)
    if strange := [name for name in pairs if layers.get(name) is None]:
        raise EngineError(
            f"the LoRA {path} was made for another architecture: it changes {strange[0]}"
            f"{f' and {len(strange) - 1} more layers' if len(strange) > 1 else ''}, which this student does not have"
        )
    planned: list[tuple[nn.Parameter, Pair]] = []
    for name, pair in pairs.items():
        layer = layers.get(name)
        assert layer is not None  # looked for above
        weight_here = layer.module.weight
        if pair.shape != tuple(weight_here.flatten(1).shape):
            raise EngineError(
                f"the LoRA {path} was made for another architecture: {layer} is {tuple(weight_here.shape)} here, "
                f"and the file changes one of {pair.shape}"
            )
        for half in (pair.down, pair.up):
            check_numbers(half, name, f"the LoRA {path}")
        planned.append((weight_here, pair))
    with torch.no_grad():
        for parameter, pair in planned:
            parameter.add_(weight * pair.delta().reshape(parameter.shape))
    return len(planned)
