"""What a student of Stable Diffusion's kind is put together from, as its file says it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..sources import Source, parse_source

_KEYS = {"base", "tiny", "unet", "loras"}


@dataclass(frozen=True, slots=True)
class Lora:
    """A low-rank change of weights, fused at build."""

    source: Source
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class ControlWeights:
    """A control network's own, under its name."""

    name: str
    source: Source


@dataclass(frozen=True, slots=True)
class Weights:
    """`base` is a pipeline in diffusers' layout: text encoders, tokenizers, VAE, and the UNet unless `unet` replaces it.

    `tiny` is a small autoencoder used in place of the base's VAE; None means the VAE itself.
    """

    base: Source
    tiny: Source | None
    unet: Source | None = None
    loras: tuple[Lora, ...] = ()
    controls: tuple[ControlWeights, ...] = ()

    def described(self) -> dict[str, Any]:
        return {
            "base": str(self.base),
            "unet": str(self.unet) if self.unet else None,
            "loras": [{"file": str(lora.source), "weight": lora.weight} for lora in self.loras],
            "tiny": str(self.tiny) if self.tiny else None,
            "controls": {control.name: str(control.source) for control in self.controls},
        }


def parse_weights(data: Mapping[str, Any], controls: Mapping[str, Any], folder: Path) -> Weights:
    """Weights from a student's file; paths are relative to `folder`. Raises ValueError and KeyError."""
    if unknown := set(data) - _KEYS:
        raise ValueError(f"unknown key 'weights.{min(unknown)}'; known: {', '.join(sorted(_KEYS))}")
    return Weights(
        base=parse_source(data["base"], folder),
        tiny=parse_source(data["tiny"], folder),
        unet=parse_source(data["unet"], folder) if "unet" in data else None,
        loras=tuple(
            Lora(parse_source(one, folder, frozenset({"weight"})), float(one.get("weight", 1.0)))
            for one in data.get("loras", ())
        ),
        controls=tuple(ControlWeights(name, parse_source(said, folder)) for name, said in controls.items()),
    )
