"""Brush strokes laid on a fixed jittered grid: each has one colour and one direction, those under its middle."""

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from training.looks.colour import join, split
from training.looks.filters import Flow, places
from training.looks.grids import at_cells
from training.looks.patterns import draws


@dataclass(frozen=True)
class Brush:
    """How strokes are laid: one every `pitch` pixels (a divisor of 64) in each of `layers` staggered layers."""

    pitch: int
    layers: int
    long: float
    wide: float
    jitter: tuple[float, float, float]
    """How far a stroke's luma, red-green and yellow-blue may lie from the picture's."""
    seed: int = 0
    bend: float = 0.0
    """How much strokes curve."""
    soft: float = 1.0
    """Pixels over which a stroke's edge fades."""


@lru_cache(maxsize=64)
def _cells(brush: Brush, layer: int, h: int, w: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Of each cell: where its stroke lies (x, y) in pixels, [2, rows, columns]; three numbers in [-1, 1], and one for its
    height.
    """
    rows, columns = h // brush.pitch + 2, w // brush.pitch + 2
    stagger_x, stagger_y = ((0.0, 0.0), (0.5, 0.5), (0.5, 0.0), (0.0, 0.5), (0.25, 0.25), (0.75, 0.25))[layer % 6]
    y, x = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
    # One ring of cells lies outside the picture, so that edges are covered as the middle is.
    px, py = (x - 1 + stagger_x) * brush.pitch, (y - 1 + stagger_y) * brush.pitch
    numbers = draws(px + 3 * brush.seed, py)
    px, py = px + 0.4 * brush.pitch * numbers[4], py + 0.4 * brush.pitch * numbers[5]
    return torch.stack([px, py]).to(device), numbers[:3].to(device), numbers[3:4].to(device)


@dataclass
class Canvas:
    """What has been painted so far, and how high the paint lies."""

    colour: Tensor
    height: Tensor


def lay(
    canvas: Canvas,
    brush: Brush,
    source: Tensor,
    along: Flow,
    breadth: float = 1.0,
    where: Tensor | None = None,
    calm: float = 0.6,
) -> Canvas:
    """Paint with `brush`: strokes in the colours of `source` that run along the flow.

    `where` [n, 1, h, w] in [0, 1] makes strokes thinner, to nothing at 0. Random colour shrinks by the share `calm` where there
    is detail.
    """
    n, _, h, w = source.shape
    pitch = brush.pitch
    # Pixels as rows of cells x rows in a cell x columns of cells x columns in a cell: what a cell says is broadcast over its
    # pixels.
    block = (h // pitch, pitch, w // pitch, pitch)
    at = places(h, w, source.device)[0].view(1, 1, *block, 2)
    x, y = at[..., 0], at[..., 1]
    out, height = canvas.colour.reshape(n, 3, *block), canvas.height.reshape(n, 1, *block)
    long, wide = 0.5 * brush.long * breadth, 0.5 * brush.wide * breadth
    for layer in range(brush.layers):
        (px, py), numbers, raised = _cells(brush, layer, h, w, source.device)
        under = at_cells(
            torch.cat([source, along.x, along.y, along.detail] + ([where] if where is not None else []), 1), px, py
        )
        luma_, a, b = split(under[:, :3])
        loose = 1 - calm * under[:, 5:6]
        shake = [loose * number * amount for number, amount in zip(numbers, brush.jitter, strict=True)]
        paint = join(luma_ + shake[0], a + shake[1], b + shake[2]).clamp(0, 1)
        size = wide * under[:, 6:7] if where is not None else torch.full_like(loose, wide)
        # Lengths along and across the stroke, its middle taken off beforehand: u = x ux + y uy + u0.
        ux, uy = under[:, 3:4] / long, under[:, 4:5] / long
        vx, vy = under[:, 4:5], -under[:, 3:4]
        u0, v0 = -(px * ux + py * uy), -(px * vx + py * vy)
        bend = (brush.bend * wide * raised).expand(n, -1, -1, -1)
        raised = (0.5 * raised).expand(n, -1, -1, -1)
        cells = torch.cat([paint, ux, uy, vx, vy, u0, v0, size, bend, raised], 1)
        for oy in range(3):
            for ox in range(3):
                part = cells[:, :, oy : oy + block[0], ox : ox + block[2]].unsqueeze(3).unsqueeze(5)
                ux, uy, vx, vy, u0, v0, size, bend, raised = (part[:, i : i + 1] for i in range(3, 12))
                u = torch.addcmul(u0 + y * uy, x, ux)
                u *= u
                v = torch.addcmul(v0 + y * vy, x, vx).addcmul_(u, bend).abs_()
                reach = (1 - u).clamp_(min=0).sqrt_() * size
                cover = (reach - v).mul_(1 / brush.soft).add_(0.5).clamp_(0, 1)
                cover *= (reach - 0.2).clamp_(0, 1)
                out = torch.lerp(out, part[:, :3].expand_as(out), cover)
                ridge = (0.8 - v.mul_(v).mul_(0.8 / wide**2)).clamp_(min=0).add_(raised)
                height = torch.lerp(height, ridge, cover)
    return Canvas(out.reshape(n, 3, h, w), height.reshape(n, 1, h, w))
