"""Fuse LoRA files into networks: W + weight * (alpha / rank) * up @ down (Hu et al. 2021, section 4.1).

diffusers reads the file, whatever its layout (its own, kohya's with either naming of SDXL's blocks); fusing is ours, so
that a file that does not fit is refused by name and not skipped.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..engine import EngineError
from .state import read_state

_DOWN = (".lora_A.weight", ".lora.down.weight", ".lora_linear_layer.down.weight", ".lora_down.weight")
_UP = (".lora_B.weight", ".lora.up.weight", ".lora_linear_layer.up.weight", ".lora_up.weight")


@dataclass(frozen=True, slots=True)
class _Pair:
    down: Tensor
    up: Tensor
    alpha: float

    def delta(self) -> Tensor:
        product = self.up.flatten(1).float() @ self.down.flatten(1).float()
        return product * (self.alpha / self.down.shape[0])


def fuse(path: Path, weight: float, networks: Mapping[str, nn.Module]) -> int:
    """Add a LoRA file to networks called unet, text_encoder and text_encoder_2, in place. How many layers it changed.

    Raises EngineError, with nothing changed, if the file cannot be read or was made for other networks.
    """
    pairs = _read(path, networks["unet"])
    planned: list[tuple[nn.Parameter, Tensor]] = []
    for name, pair in pairs.items():
        layer = _layer(name, networks)
        if layer is None:
            raise EngineError(
                f"the LoRA {path} changes {name}, which this student does not have: it was made for another architecture"
            )
        parameter = layer.weight
        delta = pair.delta()
        if delta.numel() != parameter.numel() or delta.shape[0] != parameter.shape[0]:
            raise EngineError(
                f"the LoRA {path} was made for another architecture: {name} is {tuple(parameter.shape)} here, "
                f"and the file has {delta.shape[0]} by {delta.shape[1]}"
            )
        planned.append((parameter, delta.reshape(parameter.shape)))
    with torch.no_grad():
        for parameter, delta in planned:
            parameter.add_(weight * delta.to(parameter.dtype))
    return len(planned)


def _layer(name: str, networks: Mapping[str, nn.Module]) -> Any:
    network, _, inside = name.partition(".")
    # transformers 5 dropped the level "text_model" that the files still speak of
    for candidate in (inside, inside.removeprefix("text_model.")):
        try:
            layer = networks[network].get_submodule(candidate)
        except (AttributeError, KeyError):
            continue
        if isinstance(layer, nn.Linear | nn.Conv2d):
            return layer
    return None


def _read(path: Path, unet: nn.Module) -> dict[str, _Pair]:
    """Pairs by the name of the layer that they change, `unet.` or `text_encoder.` first."""
    from diffusers import StableDiffusionXLPipeline

    raw = read_state(path)
    if any("dora_scale" in key for key in raw):
        raise EngineError(f"the LoRA {path} is a DoRA, which is not known here: only plain LoRA is")
    try:
        # the SDXL reader also reads SD 1.5's files: it only knows more names of blocks
        state, alphas = StableDiffusionXLPipeline.lora_state_dict(raw, unet_config=unet.config)
    except Exception as error:
        raise EngineError(f"the LoRA {path} is of a layout or architecture not known here: {_first_line(error)}") from error
    alphas = alphas or {}
    pairs = {}
    for key, down in state.items():
        suffix = next((suffix for suffix in _DOWN if key.endswith(suffix)), None)
        if suffix is None:
            if not any(key.endswith(known) for known in (*_UP, ".alpha")):
                raise EngineError(f"the LoRA {path} holds {key}, which is of a kind not known here (only plain LoRA is)")
            continue
        name = key.removesuffix(suffix)
        up = state.get(name + _UP[_DOWN.index(suffix)])
        if up is None:
            raise EngineError(f"the LoRA {path} lacks the second half of {name}")
        alpha = float(alphas.get(f"{name}.alpha", state.get(f"{name}.alpha", down.shape[0])))
        pairs[name] = _Pair(down, up, alpha)
    if not pairs:
        raise EngineError(f"{path} holds no LoRA")
    return pairs


def _first_line(error: Exception) -> str:
    return (str(error) or repr(error)).strip().splitlines()[0][:300]
