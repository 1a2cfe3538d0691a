"""The student's networks: a text encoder, and a UNet of three levels that predicts the clean latents' residual."""

import math
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .codec import CHANNELS
from .frame import FRAME_FEATURES, frame
from .shapes import TEXT_WIDTH, TOKENS

WIDTHS = (64, 128, 256)
EMBEDDING = 256
POOLS = 8
"""Weighted means of a prompt's tokens that the embedding gets."""


def pool_text(text: Tensor, query: nn.Linear) -> Tensor:
    """Tokens [n, l, 128] to [n, POOLS * 128]: means under weights that `query` gives each token."""
    share: Tensor = query(text).softmax(1)
    return (share.transpose(1, 2) @ text).flatten(1)


class TextEncoder(nn.Module):
    """Token ids [n, 24] to conditioning [n, 24, 128]. Padding takes no part in the attention."""

    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, TEXT_WIDTH)
        self.places = nn.Parameter(torch.randn(TOKENS, TEXT_WIDTH) * 0.02)
        self.layers = nn.ModuleList(TextLayer() for _ in range(3))
        self.norm = nn.LayerNorm(TEXT_WIDTH)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.tokens(ids) + self.places
        padding = torch.zeros(ids.shape, dtype=x.dtype, device=x.device).masked_fill(ids == 0, -1e4)[:, None, None, :]
        for layer in self.layers:
            x = layer(x, padding)
        return cast(Tensor, self.norm(x) * (ids != 0)[..., None].to(x.dtype))


class TextLayer(nn.Module):
    """A pre-norm transformer layer."""

    def __init__(self, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(TEXT_WIDTH), nn.LayerNorm(TEXT_WIDTH)
        self.qkv, self.out = nn.Linear(TEXT_WIDTH, 3 * TEXT_WIDTH), nn.Linear(TEXT_WIDTH, TEXT_WIDTH)
        self.up, self.down = nn.Linear(TEXT_WIDTH, 4 * TEXT_WIDTH), nn.Linear(4 * TEXT_WIDTH, TEXT_WIDTH)

    def forward(self, x: Tensor, padding: Tensor) -> Tensor:
        n, length, width = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(n, length, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        x = x + self.out(F.scaled_dot_product_attention(q, k, v, attn_mask=padding).transpose(1, 2).reshape(n, length, width))
        return cast(Tensor, x + self.down(F.gelu(self.up(self.norm2(x)))))


class Residual(nn.Module):
    """Two 3x3 convolutions under group norm, the second scaled and shifted by the embedding.

    Convolutions do not know where they are, and in pure noise nothing tells them. So each block is told by `frame`, just
    before the embedding scales and shifts.
    """

    def __init__(self, width_in: int, width: int) -> None:
        super().__init__()
        self.place = nn.Conv2d(FRAME_FEATURES, width, 1)
        self.norm1, self.conv1 = nn.GroupNorm(8, width_in), nn.Conv2d(width_in, width, 3, padding=1)
        self.norm2, self.conv2 = nn.GroupNorm(8, width), nn.Conv2d(width, width, 3, padding=1)
        self.modulation = nn.Linear(EMBEDDING, 2 * width)
        self.skip = nn.Conv2d(width_in, width, 1) if width_in != width else nn.Identity()
        nn.init.zeros_(self.conv2.weight)

    def forward(self, x: Tensor, embedding: Tensor, frame: Tensor) -> Tensor:
        h = self.conv1(F.silu(self.norm1(x))) + self.place(frame)
        scale, shift = self.modulation(embedding)[:, :, None, None].chunk(2, 1)
        h = self.conv2(F.silu(self.norm2(h) * (1 + scale) + shift))
        return cast(Tensor, h + self.skip(x))


class Attention(nn.Module):
    """Attention from every place to the text, and where the map is small to every other place."""

    def __init__(self, width: int, self_attention: bool, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.GroupNorm(8, width)
        self.q, self.kv, self.out = nn.Linear(width, width), nn.Linear(TEXT_WIDTH, 2 * width), nn.Linear(width, width)
        self.own_kv = nn.Linear(width, 2 * width) if self_attention else None
        nn.init.zeros_(self.out.weight)

    def forward(self, x: Tensor, text: Tensor) -> Tensor:
        n, c, h, w = x.shape
        y = self.norm(x).flatten(2).transpose(1, 2)
        q = self.q(y).view(n, h * w, self.heads, c // self.heads).transpose(1, 2)
        kv = self.kv(text)
        if self.own_kv is not None:
            kv = torch.cat([kv, self.own_kv(y)], 1)
        k, v = kv.view(n, kv.shape[1], 2, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        out = self.out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(n, h * w, c))
        return x + cast(Tensor, out).transpose(1, 2).reshape(n, c, h, w)


class Denoiser(nn.Module):
    """Latents [n, 24, 32, 32], time [n] in 0..1, conditioning [n, 24, 128] to a residual [n, 24, 32, 32].

    Group norm hides the mean of a map from what follows, and the training writes the picture's free choices into just
    those means: so they are read off the input directly and join the time and the text in one embedding.
    """

    frequencies: Tensor

    def __init__(self) -> None:
        super().__init__()
        a, b, c = WIDTHS
        self.register_buffer("frequencies", torch.exp(torch.linspace(0.0, math.log(60.0), 32)))
        self.time = nn.Sequential(nn.Linear(64, EMBEDDING), nn.SiLU(), nn.Linear(EMBEDDING, EMBEDDING))
        self.summary = nn.Sequential(nn.Linear(CHANNELS, EMBEDDING), nn.SiLU(), nn.Linear(EMBEDDING, EMBEDDING))
        self.query, self.pooled = nn.Linear(TEXT_WIDTH, POOLS), nn.Linear(POOLS * TEXT_WIDTH, EMBEDDING)
        self.mix = nn.Sequential(nn.SiLU(), nn.Linear(EMBEDDING, EMBEDDING), nn.SiLU())
        self.enter = nn.Conv2d(CHANNELS, a, 3, padding=1)
        self.down1, self.shrink1 = Residual(a, a), nn.Conv2d(a, b, 3, stride=2, padding=1)
        self.down2, self.look2, self.shrink2 = Residual(b, b), Attention(b, False), nn.Conv2d(b, c, 3, stride=2, padding=1)
        self.down3, self.look3, self.middle = Residual(c, c), Attention(c, True), Residual(c, c)
        self.look4, self.up3 = Attention(c, True), Residual(2 * c, c)
        self.grow2, self.up2, self.look5 = nn.Conv2d(c, 4 * b, 1), Residual(2 * b, b), Attention(b, False)
        self.grow1, self.up1 = nn.Conv2d(b, 4 * a, 1), Residual(2 * a, a)
        self.last = Residual(a, a)
        self.norm, self.leave = nn.GroupNorm(8, a), nn.Conv2d(a, CHANNELS, 3, padding=1)

    def _embed(self, x: Tensor, t: Tensor, text: Tensor) -> Tensor:
        angle = t[:, None] * self.frequencies
        time = self.time(torch.cat([angle.cos(), angle.sin()], -1))
        summary = self.summary(x.mean((-2, -1)) * math.sqrt(x.shape[-1] * x.shape[-2]) * 0.5)
        return cast(Tensor, self.mix(time + summary + self.pooled(pool_text(text, self.query))))

    def forward(self, x: Tensor, t: Tensor, text: Tensor) -> Tensor:
        e = self._embed(x, t, text)
        f1 = frame(x, t)
        f2 = F.avg_pool2d(f1, 2)
        f3 = F.avg_pool2d(f2, 2)
        h1 = self.down1(self.enter(x), e, f1)
        h2 = self.look2(self.down2(self.shrink1(h1), e, f2), text)
        h3 = self.look3(self.down3(self.shrink2(h2), e, f3), text)
        h = self.look4(self.middle(h3, e, f3), text)
        h = self.up3(torch.cat([h, h3], 1), e, f3)
        h = self.look5(self.up2(torch.cat([F.pixel_shuffle(self.grow2(h), 2), h2], 1), e, f2), text)
        h = self.up1(torch.cat([F.pixel_shuffle(self.grow1(h), 2), h1], 1), e, f1)
        return cast(Tensor, self.leave(F.silu(self.norm(self.last(h, e, f1)))))
