"""LoRA files of any layout: pairs of matrices by the name that the file gives the layer that they change."""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from ...errors import EngineError
from ...explain import first_line
from .state import read_notes, read_state

_HALF = re.compile(
    r"(?P<layer>.+?)(?:\.lora_(?P<kohya>down|up)|\.lora_(?P<peft>[AB])(?:\.default)?"
    r"|(?:[._]lora|\.lora_linear_layer)\.(?P<diffusers>down|up))\.weight"
)
_ALPHA = re.compile(r"(?P<layer>.+?)(?:_lora|\.lora|\.lora_linear_layer)?\.alpha")
_OTHERS = (
    (r"\.dora_scale|lora_magnitude_vector", "a DoRA"),
    (r"\.hada_", "a LoHa"),
    (r"\.lokr_", "a LoKr"),
    (r"\.lora_mid\.", "a LoCon with a middle"),
    (r"\.diff(_b)?$", "a whole difference"),
)
"""Kinds of changes that are no plain LoRA, by a part of the names in their files."""

_NOTES = "lora_adapter_metadata"
"""Where diffusers notes the settings of a training, with the network before each."""
_PEFT = "base_model.model."
"""What PEFT puts before the names of layers."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two matrices, [rank, in ...] and [out, rank ...], and what their product is multiplied by."""

    down: Tensor
    up: Tensor
    scale: float

    @property
    def shape(self) -> tuple[int, int]:
        """Of the change, (out, in), of a convolution with its window flattened."""
        return self.up.shape[0], self.down.flatten(1).shape[1]

    def delta(self) -> Tensor:
        """The change of a weight, float32 [out, in]."""
        return self.up.flatten(1).float() @ self.down.flatten(1).float() * self.scale


def read_lora(path: Path) -> dict[str, Pair]:
    """Pairs by the file's own name of a layer. Raises EngineError if the file is damaged or is no plain LoRA."""
    halves: dict[str, dict[str, Tensor]] = {}
    alphas: dict[str, float] = {}
    for key, value in read_state(path).items():
        if found := _HALF.fullmatch(key):
            half = "down" if (found["kohya"] or found["peft"] or found["diffusers"]) in ("down", "A") else "up"
            halves.setdefault(found["layer"], {})[half] = value
        elif (found := _ALPHA.fullmatch(key)) and value.numel() == 1:
            alphas[found["layer"]] = float(value)
        else:
            kind = next((kind for pattern, kind in _OTHERS if re.search(pattern, key)), "nothing known here")
            raise EngineError(f"the LoRA {path} holds {key}, which is {kind}: only plain LoRA can be fused, so leave it out")
    if not halves:
        raise EngineError(f"{path} holds no LoRA: give a file that does")
    settings = _settings(path, peft=any(_PEFT in layer for layer in halves.keys() - alphas.keys()))
    pairs = {}
    for layer in (*halves, *(alphas.keys() - halves.keys())):
        down, up = (halves.get(layer, {}).get(half) for half in ("down", "up"))
        if down is None or up is None:
            raise EngineError(f"the LoRA {path} lacks a half of {layer}: it is damaged, so download or copy it again")
        rank = down.shape[0] if down.dim() >= 2 else 0
        if not rank or up.dim() < 2 or up.flatten(1).shape[1] != rank:
            raise EngineError(
                f"the LoRA {path} is damaged: the halves of {layer} are {tuple(down.shape)} and {tuple(up.shape)}, which do "
                f"not go together. Download or copy it again"
            )
        try:
            scale = alphas[layer] / rank if layer in alphas else settings.scale(layer, rank)
        except (ValueError, TypeError, AttributeError, re.error) as error:
            raise _unreadable(path, error) from error
        if not math.isfinite(scale):
            raise EngineError(f"the LoRA {path} is damaged: the alpha of {layer} is {scale}. Download or copy it again")
        pairs[layer] = Pair(down, up, scale)
    return pairs


@dataclass(frozen=True, slots=True)
class _Settings:
    """What was noted of a training, by network; where nothing was, alpha is the rank, as diffusers has it."""

    networks: Mapping[str, Mapping[str, Any]]

    def scale(self, layer: str, rank: int) -> float:
        network, _, name = layer.partition(".")
        if network not in self.networks:
            network, name = "", layer
        said = self.networks.get(network, {})
        alpha = said.get("lora_alpha", rank)
        for pattern, other in (said.get("alpha_pattern") or {}).items():
            if re.fullmatch(rf"(.*\.)?({pattern})", name):
                alpha = other
        return float(alpha) / (rank**0.5 if said.get("use_rslora") else rank)


def _settings(path: Path, peft: bool) -> _Settings:
    """From the file itself, where diffusers notes them, or from PEFT's `adapter_config.json` beside it."""
    beside = path.with_name("adapter_config.json")
    networks: dict[str, dict[str, Any]] = {}
    try:
        for key, value in json.loads(read_notes(path).get(_NOTES, "{}")).items():
            network, _, setting = key.rpartition(".")
            networks.setdefault(network, {})[setting] = value
        if not networks and peft:
            networks[""] = dict(json.loads(beside.read_text()))
    except FileNotFoundError as error:
        raise EngineError(
            f"the LoRA {path} was written by PEFT, whose files do not say their alpha: put its adapter_config.json beside it"
        ) from error
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise _unreadable(path, error) from error
    return _Settings(networks)


def _unreadable(path: Path, error: Exception) -> EngineError:
    return EngineError(f"the settings of the LoRA {path} cannot be read ({first_line(error)}): download or copy it again")
