"""Looks that are made of pieces: glass, stones, triangles, stitches, wool, bricks, pixels, letters."""

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from training.looks.colour import colour, expose, join, luma, mix, over, smoothstep, split
from training.looks.filters import Flow, blur, flow, kuwahara, lines, places, relief, sharpen, tone
from training.looks.grids import NINE, at_cells, blocks, ringed
from training.looks.patterns import draws, pattern, texture


@lru_cache(maxsize=32)
def _seeds(pitch: int, jitter: float, h: int, w: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """One point in each cell of a grid, [rows, columns] of x and of y in pixels; they repeat every 64 pixels."""
    count = 64 // pitch
    shake = (torch.rand((2, count, count), generator=torch.Generator().manual_seed(70 + pitch)) - 0.5) * (2 * jitter * pitch)
    rows, columns = h // pitch, w // pitch
    shake = shake.repeat(1, -(-rows // count), -(-columns // count))[:, :rows, :columns]
    y, x = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
    px = (x + 0.5) * pitch - 0.5 + shake[0]
    py = (y + 0.5) * pitch - 0.5 + shake[1]
    return px.to(device), py.to(device)


@lru_cache(maxsize=32)
def _numbers(pitch: int, jitter: float, h: int, w: int, device: torch.device) -> Tensor:
    px, py = _seeds(pitch, jitter, h, w, torch.device("cpu"))
    return draws(px, py)[None, :3].flatten(2).to(device)


def _own(pitch: int, jitter: float, like: Tensor) -> Tensor:
    """[1, 3, pieces]: numbers in [-1, 1] that each piece keeps."""
    return _numbers(pitch, jitter, like.shape[-2], like.shape[-1], like.device)


def _choose(x: Tensor, pitch: int, jitter: float, colour_weight: float, along: Flow | None) -> Tensor:
    """Of each pixel the seed that it belongs to, [n, h, w] of numbers row by row: near in place and in colour.

    With a flow the distance is that of squares which lie along it.
    """
    n, _, h, w = x.shape
    px, py = _seeds(pitch, jitter, h, w, x.device)
    rows, columns = px.shape
    y, a, b = split(x)
    space = torch.cat([y, 0.8 * a, 0.6 * b], 1)
    seeds = torch.cat([at_cells(space, px, py), px.expand(n, 1, -1, -1), py.expand(n, 1, -1, -1)], 1)
    if along is not None:
        seeds = torch.cat([seeds, at_cells(along.x, px, py), at_cells(along.y, px, py)], 1)
    # Seeds beyond the edge are far away, whatever their colour.
    seeds = ringed(seeds)
    seeds[:, 3, :, 0] = seeds[:, 3, :, -1] = seeds[:, 4, 0] = seeds[:, 4, -1] = -1e4
    number = torch.arange(rows * columns, dtype=torch.float32, device=x.device).view(1, 1, rows, columns)
    number = ringed(number)
    at = places(h, w, x.device)[0].permute(2, 0, 1)[None]
    here, grid = blocks(space, pitch), blocks(at, pitch)
    best: Tensor | None = None
    chosen = torch.zeros_like(here[:, :1])
    for oy, ox in NINE:
        cell = seeds[:, :, 1 + oy : 1 + oy + rows, 1 + ox : 1 + ox + columns].unsqueeze(3).unsqueeze(5)
        which = number[:, :, 1 + oy : 1 + oy + rows, 1 + ox : 1 + ox + columns].unsqueeze(3).unsqueeze(5)
        dx, dy = grid[:, 0:1] - cell[:, 3:4], grid[:, 1:2] - cell[:, 4:5]
        if along is None:
            d = (dx * dx + dy * dy) * (1 / pitch**2)
        else:
            u, v = dx * cell[:, 5:6] + dy * cell[:, 6:7], dx * cell[:, 6:7] - dy * cell[:, 5:6]
            d = torch.maximum(u.abs(), v.abs()) * (1 / pitch)
            d = d * d + 0.12 * (dx * dx + dy * dy) * (1 / pitch**2)
        d = d + colour_weight * ((here - cell[:, :3]) ** 2).sum(1, keepdim=True)
        if best is None:
            best, chosen = d, which.expand_as(d)
            continue
        near = d < best
        best = torch.where(near, d, best)
        chosen = torch.where(near, which.expand_as(d), chosen)
    return chosen.reshape(n, h, w).long()


def _means(x: Tensor, index: Tensor, count: int) -> Tensor:
    """The mean of x [n, c, h, w], in about [-4, 4], over each of `count` pieces, [n, c, count].

    Sums are of whole numbers: those of floats depend on their order, which a GPU does not promise.
    """
    n, c, h, w = x.shape
    flat = index.view(n, 1, h * w)
    whole = (x.reshape(n, c, h * w) * 2**20).round().long()
    total = torch.zeros((n, c, count), dtype=torch.long, device=x.device).scatter_add_(2, flat.expand(n, c, -1), whole)
    size = torch.zeros((n, 1, count), dtype=torch.long, device=x.device).scatter_add_(2, flat, torch.ones_like(flat))
    return total.float() * 2**-20 / size.clamp(min=1)


def _spread(cells: Tensor, index: Tensor) -> Tensor:
    """What pieces are, [n or 1, c, count], over their pixels: [n, c, h, w]."""
    n, h, w = index.shape
    c = cells.shape[1]
    return cells.expand(n, -1, -1).gather(2, index.view(n, 1, h * w).expand(n, c, -1)).view(n, c, h, w)


def _borders(index: Tensor) -> Tensor:
    """1 where a piece meets another, [n, 1, h, w]: lines two pixels wide."""
    i = index.unsqueeze(1)
    right = F.pad((i[..., 1:] != i[..., :-1]).float(), (0, 1))
    down = F.pad((i[..., 1:, :] != i[..., :-1, :]).float(), (0, 0, 0, 1))
    out = torch.maximum(right, down)
    return torch.maximum(out, torch.maximum(torch.roll(right, 1, -1), torch.roll(down, 1, -2)))


def stained_glass(x: Tensor, breadth: float) -> Tensor:
    """Panes that follow the colours, leaded, with the light behind them."""
    x = expose(x, 0.5)
    pitch = 16 if breadth < 1.5 else 32
    along = flow(x, 3.0)
    soft = kuwahara(x, 4.0, along)
    index = _choose(soft, pitch, 0.38, 30.0, None)
    count = (x.shape[-2] // pitch) * (x.shape[-1] // pitch)
    cells = _means(soft, index, count)
    y, a, b = (plane.squeeze(-1) for plane in split(cells.unsqueeze(-1)))
    number = _own(pitch, 0.38, x)
    grey = smoothstep(a.abs() + b.abs(), 0.22, 0.04)
    a, b = 2.0 * a + 0.16 * grey * number[:, 0:1], 2.0 * b + 0.22 * grey * number[:, 1:2]
    pane = _spread(torch.cat([0.14 + 0.92 * y + 0.04 * number[:, 2:3], a, b], 1), index)
    own = luma(x)
    ripple = 0.05 * texture("smooth", 7.0, x) + 0.03 * pattern("paper", x)
    out = join(mix(pane[:, 0:1], own, 0.3 + 0.35 * along.detail) * (1 + ripple), pane[:, 1:2], pane[:, 2:3]).clamp(0, 1)
    lead = _borders(index)
    out = out * (1 - 0.45 * blur(lead, 3.0))
    out = 1 - (1 - out.clamp(0, 1)) * (1 - 0.30 * blur(out, 6.0))
    came = smoothstep(blur(lead, 0.8), 0.25, 0.62)
    came = came * (1 - 0.45 * along.detail)
    came = torch.maximum(came, 0.9 * lines(tone(x, 0.5, 0.5), along, 1.5, 10.0, 0.75, 1.1))
    metal = colour("17171c", x) * (1 + 1.6 * (relief(blur(came, 1.0), 1.6) - 1))
    return over(out, metal, came)


def mosaic(x: Tensor, breadth: float) -> Tensor:
    """Byzantine: small stones in rows along the forms, each tilted its own way, gold in the lights."""
    x = expose(x, 0.48)
    pitch = 8 if breadth < 1.5 else 16
    along = flow(x, 5.0)
    soft = sharpen(kuwahara(x, 3.0, along), 0.6, 3.0)
    index = _choose(soft, pitch, 0.22, 1.2, along)
    count = (x.shape[-2] // pitch) * (x.shape[-1] // pitch)
    cells = _means(torch.cat([soft, along.detail], 1), index, count)
    busy, cells = cells[:, 3:4], cells[:, :3]
    y, a, b = (plane.squeeze(-1) for plane in split(cells.unsqueeze(-1)))
    number = _own(pitch, 0.22, x)
    y = (y - 0.5) * 1.2 + 0.5
    gold = smoothstep(a.abs() + b.abs(), 0.24, 0.10) * smoothstep(y, 0.58, 0.76) * smoothstep(busy, 0.75, 0.35)
    a, b = 1.9 * a + 0.03 * number[:, 0:1], 1.9 * b + 0.04 * number[:, 1:2]
    y = y + 0.045 * number[:, 2:3]
    y, a, b = (
        mix(y, 0.72 + 0.10 * number[:, 2:3], gold),
        mix(a, torch.full_like(a, 0.11), gold),
        mix(b, torch.full_like(b, 0.5), gold),
    )
    stone = _spread(torch.cat([y, a, b, number[:, :2].expand(y.shape[0], -1, -1)], 1), index)
    stone[:, 0:1] = mix(stone[:, 0:1], 1.15 * luma(x) - 0.05, 0.38 * along.detail)
    edge = _borders(index)
    h, w = x.shape[-2:]
    at = places(h, w, x.device)
    tilt = 0.016 * (stone[:, 3:4] * (at[..., 0].unsqueeze(1) % 8 - 3.5) + stone[:, 4:5] * (at[..., 1].unsqueeze(1) % 8 - 3.5))
    bevel = relief(-blur(edge, 1.1), 0.8) * 1.06
    out = join(stone[:, 0:1] * (1 + tilt), stone[:, 1:2], stone[:, 2:3]).clamp(0, 1) * bevel
    return over(out, colour("241d1b", x), (0.82 - 0.3 * along.detail) * smoothstep(blur(edge, 0.6), 0.4, 0.85))
