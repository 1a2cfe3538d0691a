"""Stable Diffusion's families, of one, one and two text encoders, from weights in diffusers' or Stability's layout."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...choices import Choices
from ...digests import Digests
from ...errors import EngineError
from ...say import Say
from ...student import Student
from ...student.weights import Weights as AnyWeights
from ..family import Family, Located, Shapes
from ..sources import Source, fingerprint
from .locate import locate
from .variants import NETWORKS, SD15, Variant
from .weights import ControlWeights, Lora, TranslatorWeights, Weights, parse_weights

if TYPE_CHECKING:
    from ..modules import GraphModules


@dataclass(frozen=True)
class StableDiffusion(Family):
    """Around diffusers' UNet and its autoencoders, and transformers' CLIP."""

    variant: Variant = SD15

    def parse_weights(self, data: Mapping[str, Any], controls: Mapping[str, Any], folder: Path) -> Weights:
        return parse_weights(data, controls, folder)

    def locate(self, weights: AnyWeights, choices: Choices, digests: Digests) -> Located:
        assert isinstance(weights, Weights)
        located = locate(weights, choices.weights, choices.full_vae)
        located = replace(located, controls=_controls(located.controls, choices))
        loras = (*located.loras, *(Lora(Source(path=path.parent, file=path.name), weight) for path, weight in choices.loras))
        for lora in loras:
            if lora.source.path and not (lora.source.path / lora.source.file).is_file():
                raise EngineError(f"there is no LoRA file {lora.source}")
        located = replace(located, loras=loras)
        facts = {
            "weights": ", ".join(fingerprint(source, digests) for source in (located.base, located.unet) if source),
            **({"translator": _translating(located.translator, digests)} if located.translator else {}),
            "vae": fingerprint(located.tiny, digests) if located.tiny else "its own",
            **({"controls": _told_apart(located.controls, digests)} if located.controls else {}),
            "loras": ", ".join(f"{fingerprint(lora.source, digests)} at {lora.weight:g}" for lora in loras) or "none",
        }
        return Located(located, facts)

    def build(self, student: Student, weights: AnyWeights, folder: Path, say: Say) -> Shapes:
        from .build import build_graphs

        assert isinstance(weights, Weights)
        return build_graphs(student, self.variant, weights, folder, say, self.ports)

    def read_modules(self, folder: Path) -> "GraphModules":
        from .build import read_modules

        return read_modules(folder)

    def overflowing(self, folder: Path) -> frozenset[str]:
        """SDXL's own autoencoder, whose activations leave the range of fp16 (diffusers' `force_upcast`)."""
        if self.variant.text_encoders < 2:
            return frozenset()
        try:
            vae = json.loads((folder / NETWORKS).read_text())["vae"]
            overflows = bool(vae["class"] == "AutoencoderKL" and vae["config"].get("force_upcast", True))
        except (OSError, ValueError, KeyError, TypeError):
            overflows = True  # to say so of an autoencoder that does not is no harm
        return frozenset({"encode", "decode"} if overflows else ())


def _translating(translator: TranslatorWeights, digests: Digests) -> str:
    return f"{fingerprint(translator.source, digests)} {translator.direction} at {translator.weight:g}"


def _controls(own: Sequence[ControlWeights], choices: Choices) -> tuple[ControlWeights, ...]:
    """A student's own, with those chosen in their places or behind them. Raises EngineError."""
    found = {control.name: control for control in own}
    found |= {name: ControlWeights(name, _place(name, place)) for name, place in choices.controls}
    return tuple(found.values())


def _place(name: str, said: str) -> Source:
    path = Path(said)
    if path.is_file():
        return Source(path=path.parent, file=path.name)
    if path.is_dir():
        return Source(path=path)
    if re.fullmatch(r"[\w.-]+/[\w.-]+", said):
        return Source(repo=said)
    raise EngineError(
        f"--control {name}: there is nothing at {said}, and it is no repository of the hub (OWNER/NAME): give a folder in "
        f"diffusers' layout, or a file of weights"
    )


def _told_apart(controls: Sequence[ControlWeights], digests: Digests) -> str:
    return ", ".join(f"{control.name} {fingerprint(control.source, digests)}" for control in controls)


def of(variant: Variant) -> StableDiffusion:
    return StableDiffusion(
        variant.title,
        latent_channels=4,
        downscale=8,
        multiple=variant.multiple,
        text_shape=variant.text_shape,
        pooled_rows=variant.pooled_rows,
        tokenizers=variant.tokenizers,
        variant=variant,
    )
