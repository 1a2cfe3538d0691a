"""A procedural renderer: one shaded object before a plain background, drawn from signed distances."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

PAINTS: dict[str, tuple[float, float, float]] = {
    "red": (0.86, 0.12, 0.12),
    "orange": (0.97, 0.55, 0.08),
    "yellow": (0.97, 0.87, 0.16),
    "green": (0.13, 0.62, 0.20),
    "cyan": (0.15, 0.80, 0.84),
    "blue": (0.13, 0.28, 0.86),
    "purple": (0.52, 0.16, 0.74),
    "pink": (0.98, 0.50, 0.72),
    "white": (0.95, 0.95, 0.95),
    "black": (0.09, 0.09, 0.10),
}


@dataclass(frozen=True)
class Scene:
    """What is drawn, and where. Positions and sizes are fractions of the picture's side."""

    shape: str
    colour: str
    background: str
    x: float = 0.5
    y: float = 0.5
    size: float = 0.28
    angle: float = 0.0
    light: float = 0.0


def _grid(pixels: int) -> tuple[Tensor, Tensor]:
    axis = (torch.arange(pixels) + 0.5) / pixels
    return axis[None, :].expand(pixels, pixels), axis[:, None].expand(pixels, pixels)


def _box(x: Tensor, y: Tensor, half_width: float, half_height: float) -> Tensor:
    return torch.maximum(x.abs() - half_width, y.abs() - half_height)


def _polygon(x: Tensor, y: Tensor, corners: list[tuple[float, float]]) -> Tensor:
    """Distance to a convex polygon whose corners run clockwise on the screen (y points down)."""
    sides = []
    for (ax, ay), (bx, by) in zip(corners, corners[1:] + corners[:1], strict=True):
        length = math.hypot(bx - ax, by - ay)
        sides.append(((x - ax) * (by - ay) - (y - ay) * (bx - ax)) / length)
    return torch.stack(sides).amax(0)


def _circle(x: Tensor, y: Tensor) -> list[tuple[Tensor, str]]:
    return [((x * x + y * y).sqrt() - 1.0, "own")]


def _square(x: Tensor, y: Tensor) -> list[tuple[Tensor, str]]:
    return [(_box(x, y, 0.86, 0.86), "own")]


def _triangle(x: Tensor, y: Tensor) -> list[tuple[Tensor, str]]:
    return [(_polygon(x, y, [(0.0, -1.0), (1.0, 0.8), (-1.0, 0.8)]), "own")]


def _star(x: Tensor, y: Tensor) -> list[tuple[Tensor, str]]:
    radius = (x * x + y * y).sqrt()
    turn = torch.atan2(x, -y)
    sector = 2 * math.pi / 5
    turn = (torch.remainder(turn + sector / 2, sector) - sector / 2).abs()
    px, py = radius * turn.sin(), radius * turn.cos()
    # the edge from the tip (0, 1.1) to the notch, at radius 0.45 half a sector away
    nx, ny = 0.45 * math.sin(sector / 2), 0.45 * math.cos(sector / 2)
    ex, ey = nx, ny - 1.1
    return [(((py - 1.1) * ex - px * ey) / math.hypot(ex, ey), "own")]


def _heart(x: Tensor, y: Tensor) -> list[tuple[Tensor, str]]:
    ax, up = x.abs() / 1.05, 0.45 - y
    lobe = ((ax - 0.48) ** 2 + (up - 0.42) ** 2).sqrt() - 0.52
    body = _polygon(ax, -up, [(-1.0, -0.42), (0.48, -0.42), (0.872, -0.08), (0.0, 1.05), (-1.0, 1.05)])
    return [(torch.minimum(lobe, torch.maximum(body, -up - 1.2)), "own")]


def _tree(x: Tensor, y: Tensor) -> list[tuple[Tensor, str]]:
    crown = torch.minimum(
        _polygon(x, y, [(0.0, -1.1), (0.62, -0.1), (-0.62, -0.1)]),
        _polygon(x, y, [(0.0, -0.65), (0.85, 0.6), (-0.85, 0.6)]),
    )
    return [(_box(x, y - 0.8, 0.15, 0.3), "wood"), (crown, "own")]


def _house(x: Tensor, y: Tensor) -> list[tuple[Tensor, str]]:
    return [
        (_box(x, y - 0.4, 0.72, 0.58), "own"),
        (_polygon(x, y, [(0.0, -1.05), (0.98, -0.14), (-0.98, -0.14)]), "dark"),
        (_box(x, y - 0.64, 0.17, 0.34), "wood"),
    ]


def _boat(x: Tensor, y: Tensor) -> list[tuple[Tensor, str]]:
    hull = _polygon(x, y, [(-1.05, 0.35), (1.05, 0.35), (0.62, 0.88), (-0.62, 0.88)])
    sail = _polygon(x, y, [(0.02, -1.05), (0.78, 0.2), (0.02, 0.2)])
    jib = _polygon(x, y, [(-0.08, -0.75), (-0.08, 0.2), (-0.6, 0.2)])
    return [(_box(x + 0.03, y + 0.3, 0.05, 0.75), "wood"), (torch.minimum(sail, jib), "light"), (hull, "own")]


_PARTS: dict[str, Callable[[Tensor, Tensor], list[tuple[Tensor, str]]]] = {
    "circle": _circle,
    "square": _square,
    "triangle": _triangle,
    "star": _star,
    "heart": _heart,
    "tree": _tree,
    "house": _house,
    "boat": _boat,
}

_MATERIALS = {"wood": (0.45, 0.28, 0.15), "light": (0.97, 0.96, 0.92)}


def _paint(colour: str, material: str) -> Tensor:
    if material in _MATERIALS:
        return torch.tensor(_MATERIALS[material])
    own = torch.tensor(PAINTS[colour])
    return own * 0.6 if material == "dark" else own


def render(scene: Scene, pixels: int = 256) -> Tensor:
    """Draw a scene: float [3, pixels, pixels] in [0, 1]. Raises KeyError for an unknown word."""
    gx, gy = _grid(pixels)
    cos, sin = math.cos(scene.angle), math.sin(scene.angle)
    dx, dy = (gx - scene.x) / scene.size, (gy - scene.y) / scene.size
    x, y = cos * dx + sin * dy, cos * dy - sin * dx

    picture = torch.tensor(PAINTS[scene.background])[:, None, None].expand(3, pixels, pixels)
    glow = 1.0 - 0.9 * ((gx - 0.5) ** 2 + (gy - 0.45) ** 2)
    picture = picture * glow + 0.10 * (1.0 - gy)

    edge = scene.size * pixels  # distances are in units of size: this turns them into pixels
    parts = _PARTS[scene.shape](x, y)
    silhouette = torch.stack([distance for distance, _ in parts]).amin(0)
    shadow = torch.sigmoid(-(silhouette.roll((pixels // 32, pixels // 64), (0, 1))) * 7.0)
    picture = picture * (1.0 - 0.45 * shadow)

    lx, ly = math.cos(scene.light - 2.2), math.sin(scene.light - 2.2)
    shading = 0.92 + 0.22 * (dx * lx + dy * ly)
    for distance, material in parts:
        cover = (0.5 - distance * edge / 1.5).clamp(0, 1)
        body = _paint(scene.colour, material)[:, None, None] * shading
        body = body + 0.10 * torch.exp(-(((dx - 0.45 * lx) ** 2 + (dy - 0.45 * ly) ** 2) * 6.0))
        rim = torch.exp(-((distance * 9.0) ** 2))
        picture = picture * (1 - cover) + body * (1 - 0.35 * rim) * cover
    return picture.clamp(0, 1)
