"""Skip connections across an autoencoder: what its encoder saw before each level goes to its decoder's levels.

Of GaParmar/img2img-turbo (Parmar et al. 2024, section 3.2): so what the latents are too coarse for stays where it was. The
decoder adds, before its level k, a convolution of one pixel, without bias, of what the encoder had at that size.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ...errors import EngineError
from ..wrappers import from_bytes, to_bytes
from .graphs import DecodeGraph, EncodeGraph

LEVELS = 4
"""Of Stable Diffusion's autoencoder, and of the files that have such connections."""


class SkippingVae:
    """Makes diffusers' autoencoder with skip connections, under the names of their authors."""

    @staticmethod
    def from_config(config: Mapping[str, Any]) -> nn.Module:
        from diffusers import AutoencoderKL

        vae: Any = AutoencoderKL.from_config(dict(config))
        into = vae.config.block_out_channels[::-1]
        taken = [into[0], *into[:-1]]
        given = [*into[1:], into[-1]]
        for number, (seen, at) in enumerate(zip(given, taken, strict=True), 1):
            setattr(vae.decoder, f"skip_conv_{number}", nn.Conv2d(seen, at, 1, bias=False))
        return vae  # type: ignore[no-any-return]


def check_levels(config: Mapping[str, Any], what: str) -> None:
    """Raises EngineError if an autoencoder is none that skip connections are made for."""
    kind, levels = config.get("_class_name", "AutoencoderKL"), len(config.get("block_out_channels", ()))
    if kind != "AutoencoderKL" or levels != LEVELS:
        have = f"one of {levels}" if kind == "AutoencoderKL" else f"an {kind}"
        raise EngineError(f"{what} goes with an AutoencoderKL of {LEVELS} levels, and the base has {have}: give another base")


def skip_shapes(vae: Any, width: int, height: int) -> tuple[tuple[int, int, int], ...]:
    """(channels, height, width) of what is handed over, deepest first; empty without such connections."""
    if not hasattr(vae.decoder, "skip_conv_1"):
        return ()
    convs = [getattr(vae.decoder, f"skip_conv_{number + 1}") for number in range(LEVELS)]
    return tuple(
        (conv.in_channels, height >> LEVELS - 1 - number, width >> LEVELS - 1 - number) for number, conv in enumerate(convs)
    )


def codec_around(vae: nn.Module, unit: bool) -> tuple[nn.Module, nn.Module] | None:
    """The graphs around an autoencoder with skip connections; None of one without."""
    if not hasattr(vae.decoder, "skip_conv_1"):
        return None
    return SkippingEncodeGraph(vae, unit), SkippingDecodeGraph(vae)


class SkippingEncodeGraph(EncodeGraph):
    """pixels uint8 [n, H, W, 3] -> latents [n, 4, h, w], and what the encoder had before each level: skip_1 [n, C, H/8, W/8]
    to skip_4 [n, C, H, W].

    With `unit` the network is told colours from 0 to 1, as pix2pix-turbo is, and not from -1.
    """

    def __init__(self, vae: nn.Module, unit: bool) -> None:
        super().__init__(vae)
        self.unit = unit

    def forward(self, pixels: Tensor) -> tuple[Tensor, ...]:  # type: ignore[override]
        vae: Any = self.vae
        encoder = vae.encoder
        picture = pixels.permute(0, 3, 1, 2).to(torch.float32) / 255 if self.unit else from_bytes(pixels)
        sample, seen = encoder.conv_in(picture), []
        for block in encoder.down_blocks:
            seen.append(sample)
            sample = block(sample)
        sample = encoder.conv_out(encoder.conv_act(encoder.conv_norm_out(encoder.mid_block(sample))))
        moments = sample if vae.quant_conv is None else vae.quant_conv(sample)
        latents = moments.chunk(2, 1)[0]
        return ((latents - self.shift if self.shift else latents) * self.scale, *seen[::-1])


class SkippingDecodeGraph(DecodeGraph):
    """latents [n, 4, h, w] and skip_1 to skip_4 -> pixels uint8 [n, H, W, 3]."""

    def forward(self, latents: Tensor, skip_1: Tensor, skip_2: Tensor, skip_3: Tensor, skip_4: Tensor) -> Tensor:  # type: ignore[override]
        vae: Any = self.vae
        decoder, scaled = vae.decoder, latents / self.scale
        scaled = scaled + self.shift if self.shift else scaled
        sample = decoder.mid_block(decoder.conv_in(scaled if vae.post_quant_conv is None else vae.post_quant_conv(scaled)))
        for number, (block, seen) in enumerate(zip(decoder.up_blocks, (skip_1, skip_2, skip_3, skip_4), strict=True), 1):
            sample = block(sample + getattr(decoder, f"skip_conv_{number}")(seen))
        painted: Tensor = decoder.conv_out(decoder.conv_act(decoder.conv_norm_out(sample)))
        return to_bytes(painted * 127.5 + 127.5)
