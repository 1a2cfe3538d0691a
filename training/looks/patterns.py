"""The fixed patterns that looks are made with: paper, noise that strokes smear, a halftone screen, cells, tiles, and where one
is.

All of them repeat every 512 pixels and come from one seed, made on the CPU, so they are the same everywhere. A network that is
to paint the looks is given them as constant input (`maps`): where a fixed grain lies cannot be guessed from a photograph.
"""

import math
from functools import lru_cache

import torch
from torch import Tensor

TILE = 512
"""Patterns repeat after this many pixels, across and down."""

NAMES = ("noise", "paper", "clouds", "screen", "cells", "tiles", "across", "down")
"""The maps, in their order."""


def white(seed: int) -> Tensor:
    """[512, 512] of normal noise."""
    return torch.randn((TILE, TILE), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def _round_blur(x: Tensor, sigma: float) -> Tensor:
    """A Gaussian that goes round the edges, so the tile repeats without a seam."""
    f = torch.fft.fftfreq(TILE, dtype=torch.float64)
    response = torch.exp(-2 * (math.pi * sigma) ** 2 * (f[:, None] ** 2 + f[None] ** 2))
    blurred: Tensor = torch.fft.ifft2(torch.fft.fft2(x) * response).real
    return blurred


def smooth(seed: int, sigma: float) -> Tensor:
    """[512, 512]: noise of one size, mean 0 and deviation 1."""
    x = _round_blur(white(seed), sigma)
    return (x - x.mean()) / x.std()


def stroked(turn: float, long: float, wide: float) -> Tensor:
    """[512, 512]: the noise map smeared into straight strokes that rise by `turn` degrees, deviation 1."""
    f = torch.fft.fftfreq(TILE, dtype=torch.float64)
    fy, fx = f[:, None], f[None]
    c, s = math.cos(math.radians(turn)), -math.sin(math.radians(turn))
    along, across = fx * c + fy * s, fy * c - fx * s
    response = torch.exp(-2 * math.pi**2 * ((long * along) ** 2 + (wide * across) ** 2))
    x: Tensor = torch.fft.ifft2(torch.fft.fft2(_tile("noise")) * response).real
    return (x - x.mean()) / x.std()


def lattice(seed: int, pitch: float, jitter: float) -> Tensor:
    """[count, 2]: jittered grid points (x, y) of about `pitch` pixels that repeat with the tile."""
    count = round(TILE / pitch)
    step = TILE / count
    y, x = torch.meshgrid(torch.arange(count), torch.arange(count), indexing="ij")
    points = (torch.stack([x, y], -1).double().view(-1, 2) + 0.5) * step
    shake = torch.rand((count * count, 2), generator=torch.Generator().manual_seed(seed), dtype=torch.float64) - 0.5
    return points + shake * (2 * jitter * step)


def _distances(points: Tensor) -> tuple[Tensor, Tensor]:
    """Distance of each pixel of the tile to the nearest and to the second nearest point, going round its edges."""
    best = torch.full((TILE, TILE), 1e9)
    second = best.clone()
    axis = torch.arange(TILE, dtype=torch.float32)
    for px, py in points.float().tolist():
        dx = (axis - px + TILE / 2) % TILE - TILE / 2
        dy = (axis - py + TILE / 2) % TILE - TILE / 2
        near_x = (dx.abs() < 64).nonzero()[:, 0]
        near_y = (dy.abs() < 64).nonzero()[:, 0]
        d = (dx[near_x] ** 2)[None] + (dy[near_y] ** 2)[:, None]
        rows, columns = near_y[:, None], near_x[None]
        b, s = best[rows, columns], second[rows, columns]
        best[rows, columns] = torch.minimum(b, d)
        second[rows, columns] = torch.minimum(s, torch.maximum(b, d))
    return best.sqrt(), second.sqrt()


@lru_cache(maxsize=8)
def borders(pitch: float) -> Tensor:
    """[512, 512]: half the difference of the distances to the two nearest points of a lattice: 0 on the borders of its cells,
    in pixels.
    """
    near, far = _distances(lattice(int(pitch) + 40, pitch, 0.42))
    return ((far - near) * 0.5).double()


def _coordinates() -> tuple[Tensor, Tensor]:
    y, x = torch.meshgrid(torch.arange(TILE, dtype=torch.float64), torch.arange(TILE, dtype=torch.float64), indexing="ij")
    return x, y


def flattened(values: Tensor) -> Tensor:
    """Values by rank, spread evenly over [0, 1]; equal ones stay equal."""
    flat = values.flatten().round(decimals=9)
    _, inverse, counts = torch.unique(flat, return_inverse=True, return_counts=True)
    ranks = (counts.cumsum(0).double() - 0.5 * counts) / flat.numel()
    even: Tensor = ranks[inverse].view_as(values)
    return even


def _screen() -> Tensor:
    """A halftone screen at 45 degrees that repeats every 8 pixels; a dot of any share of ink is where it is above 1 less that
    share.
    """
    x, y = _coordinates()
    turn = 2 * math.pi / 8
    return flattened(torch.cos(turn * (x + y + 0.5)) + torch.cos(turn * (x - y)) + 1e-6 * torch.cos(turn * x))


def _tiles() -> Tensor:
    """How far the nearest seam of a grid of 64 pixels is, in 32 pixels: 0 on it, 1 in the middle of a tile."""
    x, y = _coordinates()
    dx = torch.minimum((x + 0.5) % 64, 64 - (x + 0.5) % 64)
    dy = torch.minimum((y + 0.5) % 64, 64 - (y + 0.5) % 64)
    return torch.minimum(dx, dy) / 32


@lru_cache(maxsize=16)
def _tile(name: str) -> Tensor:
    match name:
        case "noise":
            return smooth(1, 0.45)
        case "paper":
            return 0.62 * smooth(2, 0.8) + 0.6 * smooth(3, 1.6) + 0.5 * smooth(4, 3.5)
        case "clouds":
            return 0.45 * smooth(5, 6.0) + 0.6 * smooth(6, 16.0) + 0.66 * smooth(7, 40.0)
        case "screen":
            return _screen()
        case "cells":
            return (borders(26.0) / 6).clamp(max=1)
        case "tiles":
            return _tiles()
        case _:
            raise KeyError(name)


def _spread(tile: Tensor, h: int, w: int, device: torch.device) -> Tensor:
    rows, columns = -(-h // TILE), -(-w // TILE)
    return tile.repeat(rows, columns)[:h, :w].float().contiguous()[None, None].to(device)


@lru_cache(maxsize=256)
def _pattern(name: str, h: int, w: int, device: torch.device) -> Tensor:
    if name == "across":
        return torch.linspace(-1, 1, w, device=device).expand(h, w)[None, None].contiguous()
    if name == "down":
        return torch.linspace(-1, 1, h, device=device)[:, None].expand(h, w)[None, None].contiguous()
    return _spread(_tile(name), h, w, device)


def _turned(x: Tensor, size: float, variant: int) -> Tensor:
    """One of three patterns made of one: itself, its slope across, its slope down; mean 0 and deviation 1."""
    if variant:
        step = max(1, round(size / 2))
        x = torch.roll(x, -step, 2 - variant) - torch.roll(x, step, 2 - variant)
    return (x - x.mean()) / x.std()


@lru_cache(maxsize=64)
def _textured(kind: str, size: float, variant: int) -> Tensor:
    """[512, 512], or [2, 512, 512] for `swirl`."""
    match kind:
        case "noise":
            return _turned(_round_blur(_tile("noise"), size), size, variant)
        case "smooth":
            clouds = _tile("clouds")
            return _turned(_round_blur(clouds, 0.6 * size) - _round_blur(clouds, 2.5 * size), size, variant)
        case "hatch":
            return stroked(float(variant), size, 0.6)
        case "swirl":
            field = _round_blur(_textured("smooth", 0.5 * size, 0), 0.4 * size)
            dx = torch.roll(field, -1, 1) - torch.roll(field, 1, 1)
            dy = torch.roll(field, -1, 0) - torch.roll(field, 1, 0)
            # Directions along the level lines of the field; the tensor's angle is that of the gradient, doubled.
            angle = 2 * torch.atan2(dy, dx)
            return torch.stack([torch.cos(angle), torch.sin(angle)])
        case _:
            raise KeyError(kind)


@lru_cache(maxsize=256)
def _texture(kind: str, size: float, variant: int, h: int, w: int, device: torch.device) -> Tensor:
    tile = _textured(kind, size, variant)
    if tile.dim() == 2:
        return _spread(tile, h, w, device)
    return torch.cat([_spread(plane, h, w, device) for plane in tile], 1)


def draws(x: Tensor, y: Tensor) -> Tensor:
    """Six numbers in [-1, 1] for each of some places in pixels, [6, ...]: they are read off the maps, so a network can know
    them.
    """
    planes = [_textured("noise", size, variant) for size in (2.0, 3.5) for variant in (0, 1, 2)]
    row, column = y.round().long() % TILE, x.round().long() % TILE
    return torch.stack([torch.erf(plane[row, column] / math.sqrt(2)) for plane in planes]).float()


def pattern(name: str, like: Tensor) -> Tensor:
    """One map for pictures `like` these, [1, 1, h, w]: noise, paper and clouds with deviation 1, screen, cells and tiles in [0,
    1], across and down in [-1, 1].
    """
    return _pattern(name, like.shape[-2], like.shape[-1], like.device)


def texture(kind: str, size: float, like: Tensor, variant: int = 0) -> Tensor:
    """A pattern that is made from the maps, so that a network which has them can make it too, [1, 1, h, w], deviation 1.

    `noise`: the noise map at another size, up to 4 pixels. `smooth`: the clouds at one size, from 4 pixels on. Of both the
    variants 1 and 2 are slopes across and down, which have little to do with variant 0. `hatch`: straight strokes of a pencil,
    `size` long, that rise by `variant` degrees. `swirl`: [1, 2, h, w], twice the angle of a fixed swirling direction, as cosine
    and sine.
    """
    return _texture(kind, size, variant, like.shape[-2], like.shape[-1], like.device)


def maps(height: int, width: int) -> Tensor:
    """The fixed maps that a network is given beside the picture, float32 [8, height, width] (`NAMES` says which), all about in
    [-3, 3].
    """
    cpu = torch.device("cpu")
    return torch.cat([_pattern(name, height, width, cpu) for name in NAMES], 1)[0]
