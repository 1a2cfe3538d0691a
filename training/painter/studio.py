"""What the painter is shown: pictures, and the same pictures painted in a look. All of it on one device, in batches."""

import random
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from engines.families.painter.network import QUIET, landscape_share, scene_share
from engines.families.painter.scene import CHOICES, Asked, grid, scene
from engines.families.painter.shapes import PIXELS
from training.looks import LOOKS

from .things import load

COLOURS: dict[str, tuple[float, float, float]] = {
    "red": (0.80, 0.13, 0.13),
    "orange": (0.95, 0.52, 0.10),
    "yellow": (0.97, 0.85, 0.20),
    "green": (0.16, 0.58, 0.24),
    "cyan": (0.20, 0.76, 0.80),
    "blue": (0.14, 0.30, 0.82),
    "purple": (0.50, 0.18, 0.70),
    "pink": (0.97, 0.56, 0.74),
    "brown": (0.47, 0.30, 0.17),
    "white": (0.94, 0.94, 0.94),
    "grey": (0.52, 0.53, 0.54),
    "black": (0.09, 0.09, 0.10),
}
"""Colours that a prompt may give a background."""

LEAST_TIME = 0.3
"""Below this time the contract blends what the network gives with its input (`fade`), so it is never asked for less."""


def breadth_at(t: float) -> float:
    """How broad strokes are at a time: as designed at 0.5 and at 1, broadest at 0.8, where the source is only half there."""
    return 1 + 1.5 * (t - 0.5) if t <= 0.8 else 1 + 0.45 * (1 - t) / 0.2


@dataclass
class Batch:
    """Pictures in one look at one time. `source` and `target` uint8 [n, 3, 512, 512]; `choices` [n, 12]; `thing` [n], -1 for
    none; `colour` [n, 3] of the background and whether it is asked for [n]; `look` and `t` [n]."""

    source: Tensor
    target: Tensor
    choices: Tensor
    thing: Tensor
    colour: Tensor
    coloured: Tensor
    look: Tensor
    t: Tensor

    def to(self, device: str) -> "Batch":
        return Batch(*(getattr(self, f.name).to(device) for f in fields(self)))

    @staticmethod
    def join(batches: "list[Batch]") -> "Batch":
        return Batch(*(torch.cat([getattr(b, f.name) for b in batches]) for f in fields(Batch)))


def asked(batch: Batch, drawings: Tensor) -> Asked:
    """What the prompts of a batch ask for, with the things' `drawings` uint8 [things, variants, 4, s, s]."""
    named = (batch.thing >= 0).float()
    drawn = drawings[batch.thing.clamp(min=0)].float() / 255 * named[:, None, None, None, None]
    return Asked(batch.colour, batch.coloured, named, drawn)


def times(kind: str, rng: random.Random) -> float:
    """A time to train at: of a repainting that keeps the picture, of one that half does, of a still."""
    if kind == "still":
        return 1.0
    if kind == "between":
        return rng.uniform(QUIET, 1.0)
    return rng.choice((0.5, rng.uniform(LEAST_TIME, QUIET)))


class Plain:
    """Draws plain pictures: photographs, of PIL images, and dead leaves."""

    def __init__(self, photographs: list[Image.Image], device: str, seed: int) -> None:
        self.device = device
        self.reseed(seed)
        self.photographs = [_pixels(image).to(device) for image in photographs]

    def reseed(self, seed: int) -> None:
        """Draw as a new one of this seed would."""
        self.rng, self.generator = random.Random(seed), torch.Generator().manual_seed(seed)

    def plain(self) -> Tensor:
        """One of either, float [3, 512, 512]."""
        return self._photograph() if self.rng.random() < 0.85 and self.photographs else self._leaves()

    def _photograph(self) -> Tensor:
        """A random square of a photograph, perhaps mirrored, its exposure and colours a little changed."""
        rng = self.rng
        photograph = rng.choice(self.photographs)
        _, h, w = photograph.shape
        side = int(min(h, w) * rng.uniform(0.4, 1.0))
        top, left = rng.randint(0, h - side), rng.randint(0, w - side)
        piece = photograph[None, :, top : top + side, left : left + side].float() / 255
        x = F.interpolate(piece, (PIXELS, PIXELS), mode="bicubic", antialias=side > PIXELS, align_corners=False)[0].clamp(0, 1)
        if rng.random() < 0.5:
            x = x.flip(-1)
        if rng.random() < 0.15:
            x = x[torch.randperm(3, generator=self.generator).to(x.device)]
        grey = x.mean(0, keepdim=True)
        x = (grey + (x - grey) * rng.uniform(0.5, 1.4)).clamp(0, 1) ** rng.uniform(0.6, 1.6)
        if rng.random() < 0.5:
            noise = torch.randn(x.shape, generator=self.generator).to(x.device)
            x = x + noise * rng.uniform(0.0, 0.02)
        return x.clamp(0, 1)

    def _leaves(self) -> Tensor:
        """Occluding discs and boxes of power-law sizes: the statistics of natural images (Lee, Mumford, Huang 2001)."""
        rng = self.rng
        x = torch.full((3, PIXELS, PIXELS), rng.random(), device=self.device)
        axis = torch.arange(PIXELS, device=self.device, dtype=torch.float32)
        base, spread = torch.rand(3, generator=self.generator), rng.uniform(0.1, 0.5)
        for _ in range(rng.randrange(60, 200)):
            r = min(10.0 * (1 - rng.random()) ** -0.6, 240.0)
            stretch = rng.uniform(0.4, 1.0)
            cx, cy = rng.uniform(0, PIXELS), rng.uniform(0, PIXELS)
            left, right = max(0, int(cx - r - 1)), min(PIXELS, int(cx + r + 2))
            top, bottom = max(0, int(cy - r - 1)), min(PIXELS, int(cy + r + 2))
            dx, dy = (axis[left:right] - cx)[None], (axis[top:bottom] - cy)[:, None] / stretch
            far = torch.maximum(dx.abs(), dy.abs()) if rng.random() < 0.35 else (dx * dx + dy * dy).sqrt()
            cover = ((r - far) / rng.choice((1.0, 1.0, 4.0)) + 0.5).clamp(0, 1)
            colour = (base + spread * torch.randn(3, generator=self.generator)).clamp(0, 1).to(self.device)
            shade = 1 + rng.uniform(-0.4, 0.4) * dx / r + rng.uniform(-0.4, 0.4) * dy / r
            there = x[:, top:bottom, left:right]
            there += (colour[:, None, None] * shade - there) * cover
        return x.clamp(0, 1)


class Studio(Plain):
    """Draws sources and paints them. `drawings` is the file of `things`; `photographs` are PIL images."""

    def __init__(self, drawings: Path, photographs: list[Image.Image], device: str, seed: int) -> None:
        super().__init__(photographs, device, seed)
        self.drawings = torch.from_numpy(load(drawings)).to(device)
        self.looks = list(LOOKS)

    def paint(self, look: int, kind: str, n: int) -> Batch:
        """n pictures of a kind (repaint, between, still), painted in a look."""
        return self.painted(self.sources(n, kind), [look], kind)[0]

    def painted(self, sources: Tensor, looks: list[int], kind: str) -> list[Batch]:
        """The same sources [n, 3, 512, 512] in several looks, each at a time of its own."""
        batches = []
        for look in looks:
            t = times(kind, self.rng)
            batch = self._asking(sources, look, t)
            content = sources
            if t > QUIET:
                content = self._content(batch, sources, t)
            batch.target = _bytes(LOOKS[self.looks[look]].paint(content, breadth_at(t)))
            batches.append(batch)
        return batches

    def sources(self, n: int, kind: str = "repaint") -> Tensor:
        """Plain pictures float [n, 3, 512, 512]: photographs, dead leaves, scenes. A still needs none: zeros."""
        if kind == "still":
            return torch.zeros(n, 3, PIXELS, PIXELS, device=self.device)
        return torch.stack([self._source() for _ in range(n)])

    def _source(self) -> Tensor:
        kind = self.rng.random()
        if kind < 0.65 and self.photographs:
            return self._photograph()
        if kind < 0.8:
            return self._leaves()
        return self._content(self._asking(torch.zeros(1, 3, 1, 1, device=self.device), 0, 1.0), None, 1.0)[0]

    def _asking(self, sources: Tensor, look: int, t: float) -> Batch:
        n, rng = sources.shape[0], self.rng
        palette = torch.tensor(list(COLOURS.values()))
        colour = palette[[rng.randrange(len(palette)) for _ in range(n)]]
        coloured = torch.tensor([float(rng.random() < 0.5) for _ in range(n)])
        thing = torch.tensor([rng.randrange(len(self.drawings)) if rng.random() < 0.85 else -1 for _ in range(n)])
        u = torch.rand(n, CHOICES, generator=self.generator)
        looks = torch.full((n,), look)
        batch = Batch(sources, sources, u, thing, colour * coloured[:, None], coloured, looks, torch.full((n,), t))
        batch = batch.to(self.device)
        batch.source = _bytes(sources)
        return batch

    def _content(self, batch: Batch, sources: Tensor | None, t: float) -> Tensor:
        """What is to be painted at a time: the source, the scene, or the one before the other."""
        when = batch.t
        wanted = asked(batch, self.drawings)
        wanted = Asked(wanted.colour, wanted.coloured, wanted.named * scene_share(when), wanted.drawings)
        u = batch.choices
        behind = None if sources is None or t == 1 else sources
        picture = scene(u, wanted, grid(PIXELS, u), behind, landscape_share(when))[0]
        return picture.clamp(0, 1)


def _pixels(image: Image.Image, longest: int = 1100) -> Tensor:
    image = image.convert("RGB")
    image.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)


def _bytes(x: Tensor) -> Tensor:
    return (x * 255).round().clamp(0, 255).to(torch.uint8)
