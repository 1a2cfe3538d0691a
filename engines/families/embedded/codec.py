"""The latent space: a fixed DCT on 8x8 blocks, and a small learned refiner after its inverse."""

import math
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

BLOCK = 8
CHANNELS = 24
_TO_YCC = torch.tensor([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])


def _dct_basis() -> Tensor:
    """Orthonormal DCT-II on 8 samples: [frequency, sample]."""
    k, n = torch.arange(BLOCK)[:, None], torch.arange(BLOCK)[None, :]
    basis = torch.cos(math.pi * (n + 0.5) * k / BLOCK) * math.sqrt(2 / BLOCK)
    basis[0] /= math.sqrt(2)
    return basis


def _analysis() -> Tensor:
    """[24, 3, 8, 8]: 4x4 frequencies of luminance, 2x2 of each chrominance, low ones first."""
    basis = _dct_basis()
    rows = []
    for component, side in ((0, 4), (1, 2), (2, 2)):
        order = sorted(((u, v) for u in range(side) for v in range(side)), key=lambda f: (f[0] + f[1], f[0]))
        rows += [_TO_YCC[component][:, None, None] * torch.outer(basis[u], basis[v]) for u, v in order]
    return torch.stack(rows)


class Codec(nn.Module):
    """Pixels to latents and back. Pixels are float [n, 3, h, w] in [-1, 1]; latents [n, 24, h/8, w/8] of unit variance."""

    analysis: Tensor
    synthesis: Tensor
    scale: Tensor
    offset: Tensor

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        analysis = _analysis()
        synthesis = torch.linalg.pinv(analysis.flatten(1)).T.reshape(CHANNELS, 3, BLOCK, BLOCK)
        self.register_buffer("analysis", analysis)
        self.register_buffer("synthesis", synthesis)
        self.register_buffer("scale", torch.ones(CHANNELS))
        self.register_buffer("offset", torch.zeros(CHANNELS))
        self.coarse = nn.Sequential(
            nn.Conv2d(CHANNELS, 96, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(96, 96, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(96, 16 * 16, 1),
        )
        self.fine = nn.Sequential(
            nn.Conv2d(16 + 12, width, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(width, 24, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(24, 12, 3, padding=1),
        )
        nn.init.zeros_(cast(nn.Conv2d, self.fine[-1]).weight)

    def normalise_on(self, pixels: Tensor) -> None:
        """Set each channel's offset and scale so that these pictures' latents have mean 0 and variance 1."""
        raw = F.conv2d(pixels, self.analysis, stride=BLOCK)
        self.scale.copy_(raw.std((0, 2, 3)))
        self.offset.copy_(raw.mean((0, 2, 3)))

    def encode(self, pixels: Tensor) -> Tensor:
        raw = F.conv2d(pixels, self.analysis, stride=BLOCK)
        return (raw - self.offset[:, None, None]) / self.scale[:, None, None]

    def decode_linear(self, latents: Tensor) -> Tensor:
        """The inverse transform alone, without the learned refiner."""
        raw = latents * self.scale[:, None, None] + self.offset[:, None, None]
        return F.conv_transpose2d(raw, self.synthesis, stride=BLOCK)

    def decode(self, latents: Tensor) -> Tensor:
        base = self.decode_linear(latents)
        half = torch.cat([F.pixel_shuffle(self.coarse(latents), 4), F.pixel_unshuffle(base, 2)], 1)
        return base + F.pixel_shuffle(self.fine(half), 2)
