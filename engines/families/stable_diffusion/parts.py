"""The networks that a student is put together from, and whether they go together."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import nn

from ...errors import EngineError
from .variants import VARIANTS, Variant


@dataclass(frozen=True)
class Parts:
    """The networks of one student, in float32, and the folders of its tokenizers. `controls` are by name, in order.

    `unit`: its autoencoder is told colours from 0 to 1.
    """

    unet: nn.Module
    vae: nn.Module
    encoders: list[nn.Module]
    tokenizers: list[Path]
    controls: dict[str, nn.Module] = field(default_factory=dict)
    unit: bool = False


def check_parts(parts: Parts, variant: Variant, what: str) -> None:
    """Whether the networks go together, and are of the student's variant. Raises EngineError."""
    config: Any = parts.unet.config
    title = variant.title
    is_xl = config.addition_embed_type == "text_time"
    if is_xl != (len(parts.encoders) == 2):
        found = "Stable Diffusion XL" if is_xl else "Stable Diffusion 1 or 2"
        raise EngineError(f"{what} is a UNet of {found}, and this student is of {title}: give weights of that")
    if config.class_embed_type is not None or config.num_class_embeds is not None:
        raise EngineError(f"{what} is a UNet that is told a class beside the prompt, which no student is: give another")
    width = sum(encoder.config.hidden_size for encoder in parts.encoders)  # type: ignore[union-attr, misc]
    if config.cross_attention_dim != width:
        raise EngineError(
            f"{what} attends to {config.cross_attention_dim} numbers a token, and its text encoders give {width}: "
            f"they belong to different architectures, so give weights of one"
        )
    for other in VARIANTS.values():
        if width == other.text_shape[1] and other != variant:
            raise EngineError(f"{what} is of {other.title}, and this student is of {title}: give weights of that")
    latents: Any = parts.vae.config
    if config.in_channels != latents.latent_channels:
        raise EngineError(
            f"{what} takes {config.in_channels} channels, and its VAE gives {latents.latent_channels}: it is no UNet of "
            f"{title} for whole images (one of 9 channels is for inpainting)"
        )
    if is_xl:
        told = config.projection_class_embeddings_input_dim - 6 * config.addition_time_embed_dim
        given: Any = parts.encoders[1].config
        if told != given.projection_dim:
            raise EngineError(
                f"{what} is told {told} numbers of the whole prompt, and its second text encoder gives {given.projection_dim}: "
                f"they belong to different architectures, so give weights of one"
            )
