"""The painter's control network: from the lines of a frame to what is to be painted.

It stands before the painter: it sees what is to be painted, a scene of the noise's or a picture, and the lines that an eye
saw, and says how that is to change. The painter, which is the same network with and without it, paints what comes of it as it
paints anything. As ControlNet's (arXiv 2302.05543) its last layer begins at zero: untrained it changes nothing.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .network import landscape_share, noise_share, scene_share
from .scene import Asked, palette
from .shapes import CELL, CHANNELS

WIDTHS = (32, 48, 64, 72)
FACTS = 12
"""What it is told of a whole picture: how much is noise, the thing and the landscape, and the landscape's three colours."""
INK = 3


def facts(t: Tensor, u: Tensor, asked: Asked) -> Tensor:
    """[n, 12] at times [n], for a scene of choices u [n, 12]; colours as far as the landscape is there."""
    land = landscape_share(t)[:, None]
    shares = torch.stack([noise_share(t), scene_share(t) * asked.named], 1)
    return torch.cat([shares, land, torch.cat(palette(u, asked), 1) * land], 1)


class Level(nn.Module):
    """Two 3 x 3 convolutions beside the way through."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(width, width, 3, padding=1), nn.Conv2d(width, width, 3, padding=1)
        nn.init.normal_(self.second.weight, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.second(F.silu(self.first(x)))
        return out


class Control(nn.Module):
    """What is to be painted [n, 48, h, w], lines [n, 16, h, w] in 0..1 as cells, and `facts` to what is added: a UNet without
    norms, so that a part is changed as that part of the whole is.

    What it adds is a ground, the ink of the lines, whose pixels are as sharp as they were seen, and of what was there a share.
    """

    def __init__(self) -> None:
        super().__init__()
        a, b, c, d = WIDTHS
        self.enter, self.told = nn.Conv2d(CHANNELS + CELL * CELL, a, 1), nn.Linear(FACTS, a)
        self.see = nn.Conv2d(a, a, 3, padding=1)
        self.down1, self.down2, self.down3 = (nn.Conv2d(p, q, 3, stride=2, padding=1) for p, q in ((a, b), (b, c), (c, d)))
        self.work1, self.work2, self.work3 = Level(b), Level(c), Level(d)
        self.deep2, self.deep1, self.deep0 = Level(c), Level(b), Level(a)
        self.up3, self.up2, self.up1 = (nn.Conv2d(p, 4 * q, 1) for p, q in ((d, c), (c, b), (b, a)))
        self.leave = nn.Conv2d(a, CHANNELS + INK + 1, 1)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)  # type: ignore[arg-type]

    def forward(self, content: Tensor, lines: Tensor, told: Tensor) -> Tensor:
        n, _, h, w = content.shape
        entered = self.enter(torch.cat([content, lines], 1)) + self.told(told)[:, :, None, None]
        h0 = F.silu(self.see(F.silu(entered)))
        h1 = self.work1(self.down1(h0))
        h2 = self.work2(self.down2(h1))
        deep = self.work3(self.down3(h2))
        deep = self.deep2(F.pixel_shuffle(self.up3(deep), 2) + h2)
        deep = self.deep1(F.pixel_shuffle(self.up2(deep), 2) + h1)
        deep = self.deep0(F.pixel_shuffle(self.up1(deep), 2) + h0)
        ground, ink, kept = torch.split(self.leave(deep), [CHANNELS, INK, 1], 1)
        drawn = (ink[:, :, None] * lines[:, None]).reshape(n, CHANNELS, h, w)
        return ground + drawn + kept * content
