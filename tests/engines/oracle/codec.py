"""A codec that says every latent in the three bytes of a pixel, in a VAE's place, and the same in numpy."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engines.families.stable_diffusion.graphs import DecodeGraph, EncodeGraph

from .shapes import LATENTS, SIDE, Latents

STEP, OFFSET = 2.0**-19, 2.0**23
"""Latents from -16 to 16 are whole numbers of these steps, and so 24 bits."""


class ExactCodec(nn.Module):
    """In a VAE's place: each latent is 24 bits, and a block of pixels of that colour. The factor is Stable Diffusion's."""

    def __init__(self) -> None:
        super().__init__()
        self.config = SimpleNamespace(scaling_factor=0.18215)

    def encode(self, image: Tensor) -> Any:
        channels, h, w = LATENTS
        bytes_ = ((image + 1) * 127.5).round()[:, :, :: SIDE // (channels * h), :: SIDE // w]
        whole_ = bytes_[:, 0] * 65536 + bytes_[:, 1] * 256 + bytes_[:, 2] - OFFSET
        return SimpleNamespace(latents=whole_.reshape(-1, *LATENTS) * STEP / self.config.scaling_factor)

    def decode(self, latents: Tensor) -> Any:
        channels, h, w = LATENTS
        scaled = (latents * self.config.scaling_factor).reshape(-1, 1, channels * h, w)
        whole_ = ((scaled / STEP).round() + OFFSET).clamp(0.0, 2 * OFFSET - 1)
        high = (whole_ / 65536).floor()
        middle = ((whole_ - high * 65536) / 256).floor()
        bytes_ = torch.cat([high, middle, whole_ - high * 65536 - middle * 256], 1)
        blocks = bytes_.repeat_interleave(SIDE // (channels * h), 2).repeat_interleave(SIDE // w, 3)
        return SimpleNamespace(sample=blocks / 127.5 - 1)


class HandingEncode(EncodeGraph):
    """Beside latents, two things that only the picture says: the latents the other way round, and half of them."""

    def __init__(self) -> None:
        super().__init__(ExactCodec())

    def forward(self, pixels: Tensor) -> Any:
        latents = super().forward(pixels)
        return latents, latents.flip(1)[:, :2], 0.5 * latents


class HandingDecode(DecodeGraph):
    """Adds to latents what the encoder handed over."""

    def __init__(self) -> None:
        super().__init__(ExactCodec())

    def forward(self, latents: Tensor, skip_1: Tensor, skip_2: Tensor) -> Tensor:  # type: ignore[override]
        return super().forward(latents + nn.functional.pad(skip_1, (0, 0, 0, 0, 0, 2)) + skip_2)


HANDED = ((2, *LATENTS[1:]), LATENTS)
"""The shapes of that."""


def with_handed(painted: Latents, picture: Latents) -> Latents:
    """What is decoded of latents that were painted over a picture."""
    flipped = picture[::-1].copy()
    flipped[2:] = 0
    return np.asarray(painted + flipped + 0.5 * picture)


def to_pixels(latents: Latents) -> NDArray[np.uint8]:
    """Latents [4, 8, 8] as the codec draws them, uint8 [SIDE, SIDE, 3]."""
    channels, h, w = LATENTS
    whole_ = (np.round(latents / STEP) + OFFSET).astype(np.int64).reshape(channels * h, w)
    bytes_ = np.stack([whole_ >> 16, whole_ >> 8 & 255, whole_ & 255], -1).astype(np.uint8)
    return bytes_.repeat(SIDE // (channels * h), 0).repeat(SIDE // w, 1)


def to_latents(pixels: NDArray[np.uint8]) -> Latents:
    """The latents that an image says, [4, 8, 8], to a millionth."""
    channels, h, w = LATENTS
    assert pixels.shape == (SIDE, SIDE, 3)
    high, middle, low = pixels[:: SIDE // (channels * h), :: SIDE // w].astype(np.int64).transpose(2, 0, 1)
    return ((high << 16 | middle << 8 | low) - OFFSET).reshape(LATENTS) * STEP


def source(seed: int) -> Latents:
    """Latents of a picture to repaint, which the codec can say exactly."""
    return to_latents(to_pixels(np.random.default_rng(1000 + seed).standard_normal(LATENTS)))
