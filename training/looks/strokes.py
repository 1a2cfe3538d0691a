"""Brush strokes laid on a fixed jittered grid: each has one colour and one direction, those under its middle."""

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from training.looks.colour import join, smoothstep, split
from training.looks.filters import Flow, places
from training.looks.patterns import TILE


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
    count = TILE // brush.pitch
    draw = torch.Generator().manual_seed(brush.seed * 97 + layer)
    shake = torch.rand((2, count, count), generator=draw) - 0.5
    numbers = torch.rand((4, count, count), generator=draw) * 2 - 1
    rows, columns = h // brush.pitch + 2, w // brush.pitch + 2
    repeat = (1, -(-rows // count), -(-columns // count))
    shake, numbers = shake.repeat(repeat)[:, :rows, :columns], numbers.repeat(repeat)[:, :rows, :columns]
    stagger_x, stagger_y = ((0.0, 0.0), (0.5, 0.5), (0.5, 0.0), (0.0, 0.5), (0.25, 0.25), (0.75, 0.25))[layer % 6]
    y, x = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
    # One ring of cells lies outside the picture, so that edges are covered as the middle is.
    px = (x - 0.5 + stagger_x - 0.5 + shake[0] * 0.8) * brush.pitch
    py = (y - 0.5 + stagger_y - 0.5 + shake[1] * 0.8) * brush.pitch
    return torch.stack([px, py]).to(device), numbers[:3].to(device), numbers[3:4].to(device)


def _at(x: Tensor, px: Tensor, py: Tensor) -> Tensor:
    """x [n, c, h, w] at the places of the cells: [n, c, rows, columns]."""
    h, w = x.shape[-2:]
    return x[:, :, py.round().long().clamp(0, h - 1), px.round().long().clamp(0, w - 1)]


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
    at = places(h, w, source.device)[0]
    out, height = canvas.colour, canvas.height
    long, wide = 0.5 * brush.long * breadth, 0.5 * brush.wide * breadth
    for layer in range(brush.layers):
        where_cells, numbers, raised = _cells(brush, layer, h, w, source.device)
        px, py = where_cells
        under = _at(torch.cat([source, along.x, along.y, along.detail] + ([where] if where is not None else []), 1), px, py)
        paint, vx, vy, detail = under[:, :3], under[:, 3:4], under[:, 4:5], under[:, 5:6]
        y, a, b = split(paint)
        loose = 1 - calm * detail
        paint = join(
            y + loose * numbers[0] * brush.jitter[0],
            a + loose * numbers[1] * brush.jitter[1],
            b + loose * numbers[2] * brush.jitter[2],
        ).clamp(0, 1)
        size = under[:, 6:7] if where is not None else torch.ones_like(vx)
        high = raised.expand(n, -1, -1, -1)
        cells = torch.cat([paint, vx, vy, size, high, px.expand(n, 1, -1, -1), py.expand(n, 1, -1, -1)], 1)
        for oy in range(3):
            for ox in range(3):
                part = cells[:, :, oy : oy + h // pitch, ox : ox + w // pitch]
                full = part.repeat_interleave(pitch, -1).repeat_interleave(pitch, -2)
                dx, dy = at[..., 0] - full[:, 7:8], at[..., 1] - full[:, 8:9]
                vx_, vy_, size_ = full[:, 3:4], full[:, 4:5], full[:, 5:6]
                u = (dx * vx_ + dy * vy_) / long
                v = dx * vy_ - dy * vx_
                if brush.bend:
                    v = v + brush.bend * full[:, 6:7] * (u * u) * wide
                reach = wide * size_ * (1 - u * u).clamp(min=0).sqrt()
                cover = ((reach - v.abs()) / brush.soft + 0.5).clamp(0, 1) * smoothstep(reach, 0.2, 0.9)
                out = out + (full[:, :3] - out) * cover
                ridge = full[:, 6:7] * 0.5 + 0.8 * (1 - (v / wide) ** 2).clamp(min=0)
                height = height + (ridge - height) * cover
    return Canvas(out, height)
