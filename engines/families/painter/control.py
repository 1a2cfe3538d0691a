"""The painter's control: a drawing of lines, laid into the scene that is to be painted.

It stands before the painter, which is the same network with and without it, and paints what comes of it as it paints anything,
in every look. Lines say where things are, and not of what colour they are. A network guesses light and shade of them; all else
is by formula. Where something is drawn, light and shade are seen in the colours of the noise's scene, from its ground in the
shadows to its horizon in the lights, as if it were painted with what is on the palette; where nothing is, the scene is seen.
What the prompt names stands before it. A picture that is repainted has its own colours, and lines are drawn into it.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .shapes import CELL, CHANNELS

WIDTHS = (24, 40, 56, 64)
CLOSE = 20.0
"""Pixels around a line that belong to what is drawn."""
INK = 0.35
"""How much darker the picture is on a line."""
PLAIN = 0.52
"""Light where lines say nothing of it."""
_STOPS = (0.05, 0.35, 0.6, 0.95)
"""Tones from which on shadows are the scene's ground, its sky, its horizon, and nearly white."""


class Level(nn.Module):
    """Two 3 x 3 convolutions beside the way through."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(width, width, 3, padding=1), nn.Conv2d(width, width, 3, padding=1)
        nn.init.normal_(self.second.weight, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.second(F.silu(self.first(x)))
        return out


class Tones(nn.Module):
    """Lines [n, 16, h, w] in 0..1, as cells, to light and shade in the same shape: a UNet without norms, so that a part of a
    picture has the tones of that part of the whole."""

    def __init__(self) -> None:
        super().__init__()
        a, b, c, d = WIDTHS
        self.enter, self.see = nn.Conv2d(CELL * CELL, a, 1), nn.Conv2d(a, a, 3, padding=1)
        self.down1, self.down2, self.down3 = (nn.Conv2d(p, q, 3, stride=2, padding=1) for p, q in ((a, b), (b, c), (c, d)))
        self.work1, self.work2, self.work3 = Level(b), Level(c), Level(d)
        self.deep2, self.deep1, self.deep0 = Level(c), Level(b), Level(a)
        self.up3, self.up2, self.up1 = (nn.Conv2d(p, 4 * q, 1) for p, q in ((d, c), (c, b), (b, a)))
        self.leave = nn.Conv2d(a, CELL * CELL, 1)
        nn.init.zeros_(self.leave.weight)
        nn.init.constant_(self.leave.bias, PLAIN)  # type: ignore[arg-type]

    def forward(self, lines: Tensor) -> Tensor:
        # most are faint, and by those light is told from shade
        h0 = F.silu(self.see(F.silu(self.enter(2 * lines.sqrt()))))
        h1 = self.work1(self.down1(h0))
        h2 = self.work2(self.down2(h1))
        deep = self.work3(self.down3(h2))
        deep = self.deep2(F.pixel_shuffle(self.up3(deep), 2) + h2)
        deep = self.deep1(F.pixel_shuffle(self.up2(deep), 2) + h1)
        deep = self.deep0(F.pixel_shuffle(self.up1(deep), 2) + h0)
        out: Tensor = self.leave(deep)
        return out


class Control(nn.Module):
    """What is to be painted to what lines add to it: latents in, latents out, [n, 48, h, w]."""

    bell: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.tones = Tones()
        self.register_buffer("bell", _bell(), persistent=False)

    def forward(self, content: Tensor, lines: Tensor, palette: Sequence[Tensor], share: Tensor, before: Tensor) -> Tensor:
        """`lines` [n, 16, h, w] in 0..1, as cells; the scene's `palette`, three colours [n, 3] in 0..1; `share` [n] how far the
        scene is there; `before` [n, 1, 2 h, 2 w] what of it stands before the drawing.
        """
        n, _, h, w = content.shape
        figure = tinted(self.tones(lines).clamp(0, 1)[:, None], palette) * 2 - 1
        free = F.pixel_unshuffle(1 - before, 2)[:, :, None].expand(-1, -1, 4, -1, -1)
        # two pixels of the picture across and down are one of the scene
        free = free.view(n, 2, 2, 2, 2, h, w).transpose(2, 3).reshape(n, 1, CELL * CELL, h, w)
        cover = self.cover(lines)[:, None] * free * share[:, None, None, None, None]
        seen = content.view(n, 3, CELL * CELL, h, w)
        drawn = seen + (figure - seen) * cover
        drawn = (drawn + 1) * (1 - INK * lines[:, None]) - 1
        return drawn.reshape(n, CHANNELS, h, w) - content

    def cover(self, lines: Tensor) -> Tensor:
        """How much of each pixel belongs to what is drawn, as cells: much where lines are near."""
        near = F.avg_pool2d(lines.mean(1, keepdim=True), 2)
        reach = self.bell.shape[0] // 2
        near = F.conv2d(F.pad(near, (reach, reach, reach, reach), mode="replicate"), self.bell[None, None, None, :])
        near = F.conv2d(near, self.bell[None, None, :, None])
        large = F.interpolate(near, scale_factor=2 * CELL, mode="bilinear", align_corners=False)
        return 1 - torch.exp(-30 * F.pixel_unshuffle(large, CELL))


def tinted(tone: Tensor, palette: Sequence[Tensor]) -> Tensor:
    """Tones [n, 1, ...] in a scene's colours, above, at the horizon and on the ground: RGB [n, 3, ...] in 0..1."""
    above, horizon, ground = palette
    colours = (0.3 * ground, torch.lerp(ground, above, 0.15), torch.lerp(above, horizon, 0.5), 0.4 * horizon + 0.6)
    shape = (tone.shape[0], 3, *[1] * (tone.dim() - 2))
    out = colours[0].view(shape)
    for k in range(3):
        share = ((tone - _STOPS[k]) / (_STOPS[k + 1] - _STOPS[k])).clamp(0, 1)
        # each reaches its colour where the next begins, so that steps add up
        out = out + share * (colours[k + 1] - colours[k]).view(shape)
    return out


def _bell() -> Tensor:
    """A Gaussian over places of 8 pixels."""
    step = 2 * CELL
    reach = int(3 * CLOSE / step) + 1
    bell = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) * (step / CLOSE)) ** 2)
    return bell / bell.sum()
