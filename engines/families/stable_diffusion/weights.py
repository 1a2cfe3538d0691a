"""What a student of Stable Diffusion's kind is put together from, as its file says it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..sources import Source, parse_source

_KEYS = {"base", "tiny", "unet", "loras", "translator"}


@dataclass(frozen=True, slots=True)
class Lora:
    """A low-rank change of weights, fused at build."""

    source: Source
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class TranslatorWeights:
    """A file that makes a base repaint pictures in one step, which way of two if it has two, and how much it counts."""

    source: Source
    direction: str = ""
    weight: float = 1.0

    def __post_init__(self) -> None:
        if self.direction not in ("", "a2b", "b2a"):
            raise ValueError(f"weights.translator: direction is a2b or b2a, not {self.direction!r}")
        if not 0 < self.weight <= 1:
            raise ValueError(f"weights.translator: weight is above 0 and up to 1, not {self.weight:g}")

    def __str__(self) -> str:
        way = f" {self.direction}" if self.direction else ""
        return f"{self.source}{way}{'' if self.weight == 1 else f' at {self.weight:g}'}"


@dataclass(frozen=True, slots=True)
class ControlWeights:
    """A control network's own, under its name."""

    name: str
    source: Source


@dataclass(frozen=True, slots=True)
class Weights:
    """`base` is a pipeline in diffusers' layout: text encoders, tokenizers, VAE, and the UNet unless `unet` replaces it.

    `tiny` is a small autoencoder used in place of the base's VAE; None means the VAE itself. A translator changes that, and
    so has none beside it.
    """

    base: Source
    tiny: Source | None
    unet: Source | None = None
    loras: tuple[Lora, ...] = ()
    controls: tuple[ControlWeights, ...] = ()
    translator: TranslatorWeights | None = None

    def described(self) -> dict[str, Any]:
        return {
            "base": str(self.base),
            "unet": str(self.unet) if self.unet else None,
            "loras": [{"file": str(lora.source), "weight": lora.weight} for lora in self.loras],
            "tiny": str(self.tiny) if self.tiny else None,
            **({"translator": str(self.translator)} if self.translator else {}),
            "controls": {control.name: str(control.source) for control in self.controls},
        }


def parse_weights(data: Mapping[str, Any], controls: Mapping[str, Any], folder: Path) -> Weights:
    """Weights from a student's file; paths are relative to `folder`. Raises ValueError and KeyError."""
    if unknown := set(data) - _KEYS:
        raise ValueError(f"unknown key 'weights.{min(unknown)}'; known: {', '.join(sorted(_KEYS))}")
    translator = _translator(data["translator"], folder) if "translator" in data else None
    if translator is not None and "tiny" in data:
        raise ValueError("weights.translator changes the base's own autoencoder: leave tiny out")
    return Weights(
        base=parse_source(data["base"], folder),
        tiny=None if translator else parse_source(data["tiny"], folder),
        unet=parse_source(data["unet"], folder) if "unet" in data else None,
        loras=tuple(
            Lora(parse_source(one, folder, frozenset({"weight"})), float(one.get("weight", 1.0)))
            for one in data.get("loras", ())
        ),
        controls=tuple(ControlWeights(name, parse_source(said, folder)) for name, said in controls.items()),
        translator=translator,
    )


def _translator(said: Mapping[str, Any], folder: Path) -> TranslatorWeights:
    source = parse_source(said, folder, frozenset({"direction", "weight"}))
    if not source.file:
        raise ValueError("weights.translator is one file: name it")
    return TranslatorWeights(source, said.get("direction", ""), float(said.get("weight", 1.0)))
