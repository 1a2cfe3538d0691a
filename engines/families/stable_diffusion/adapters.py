"""Adapters that PEFT put into a network's layers, fused: how one-step networks with trained autoencoders are published.

Their files hold the parameters of a network with adapters by name: of a layer `lora_A` and `lora_B` of each adapter, and
layers that were trained whole, whose own weights PEFT calls `base_layer` where an adapter lies over them.
"""

import re
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ...errors import EngineError
from .lora_file import Pair
from .networks import check_numbers

PEFT_ALPHA = 8.0
"""Of adapters whose training named none: PEFT's own, whatever their rank."""

_HALF = re.compile(r"(?P<layer>.+)\.lora_(?P<half>[AB])(?:\.(?P<adapter>[^.]+))?\.weight")


def fuse_adapters(network: nn.Module, state: Mapping[str, Tensor], what: str, alpha: float = PEFT_ALPHA) -> int:
    """Add all adapters to the layers that they are of, W + alpha / rank * B @ A (Hu et al. 2021), in place, and put whole
    weights into theirs. How many layers were changed by adapters.

    `what` says whose they are. Raises EngineError, with nothing changed, if they are of another network or damaged.
    """
    own = dict(network.named_parameters())
    halves: dict[tuple[str, str], dict[str, Tensor]] = {}
    whole: dict[str, Tensor] = {}
    for name, weight in state.items():
        check_numbers(weight, name, what)
        if (found := _HALF.fullmatch(name)) is None:
            whole[name.replace(".base_layer.", ".")] = weight
        else:
            halves.setdefault((found["layer"], found["adapter"] or ""), {})[found["half"]] = weight
    planned = [(layer, _pair(layer, both, alpha, what)) for (layer, _), both in halves.items()]
    shapes = [(f"{layer}.weight", pair.shape) for layer, pair in planned]
    for name, shape in (*shapes, *((name, tuple(weight.shape)) for name, weight in whole.items())):
        if name not in own:
            raise EngineError(f"{what} changes {name}, which this network does not have: it was made for another base")
        have = tuple(own[name].shape)
        if shape not in (have, tuple(own[name].flatten(1).shape) if len(have) > 1 else have):
            raise EngineError(f"{what} was made for another base: {name} is {have} here, and {shape} is what it changes")
    with torch.no_grad():
        for name, weight in whole.items():
            own[name].copy_(weight)
        for layer, pair in planned:
            parameter = own[f"{layer}.weight"]
            parameter.add_(pair.delta().reshape(parameter.shape))
    return len({layer for layer, _ in planned})


def _pair(layer: str, halves: Mapping[str, Tensor], alpha: float, what: str) -> Pair:
    if halves.keys() != {"A", "B"}:
        raise EngineError(f"{what} lacks a half of {layer}: it is damaged, so download or copy it again")
    down, up = halves["A"], halves["B"]
    if down.dim() < 2 or up.dim() < 2 or up.flatten(1).shape[1] != down.shape[0]:
        raise EngineError(
            f"{what} is damaged: the halves of {layer} are {tuple(down.shape)} and {tuple(up.shape)}, which do not go "
            f"together. Download or copy it again"
        )
    return Pair(down, up, alpha / down.shape[0])
