"""The scene that the noise means: a landscape of soft hills, and before it the thing that the prompt names.

Everything a prompt leaves open (place, size, tilt, drawing, colours, hills) is read off the noise by fixed projections, so that
a picture is a function of its noise and its prompt. The same lines draw the scene small in the network, which paints it, and
large in the training, which shows the network how it is to look.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

CHOICES = 12
"""Numbers that the noise chooses."""
MAP = 64
"""Side of a thing's drawing, in its own frame."""

Grid = tuple[Tensor, Tensor]
"""x and y of each place in the picture, 0 to 1 from the upper left: broadcastable to [n, h, w]."""


def patterns() -> Tensor:
    """[12, 48]: what the noise of a cell is projected on; orthonormal, and as good as blind to what photographs hold."""
    rows = torch.tensor([[1.0, -1.0, 1.0, -1.0], [1.0, -1.0, -1.0, 1.0]])
    fine = torch.einsum("ai,bj->abij", rows, rows).reshape(4, 16) / 4
    return torch.einsum("cd,ki->ckdi", torch.eye(3), fine).reshape(CHOICES, 48)


def choices(x: Tensor, scale: Tensor) -> Tensor:
    """Twelve independent U(0, 1) for each noise: x [n, 48, h, w] holds it `scale` [n] strong; [n, 12]."""
    side = math.sqrt(x.shape[-1] * x.shape[-2])
    sums = (x.mean((-2, -1)) * side) @ patterns().to(x).T / scale[:, None]
    return 0.5 + 0.5 * torch.erf(sums * math.sqrt(0.5))


def grid(side: int, like: Tensor) -> Grid:
    """The middles of side x side places."""
    axis = (torch.arange(side, device=like.device, dtype=like.dtype) + 0.5) / side
    return axis[None, None, :], axis[None, :, None]


def _hsv(hue: Tensor, saturation: Tensor, value: Tensor) -> Tensor:
    """[n] each to RGB [n, 3] in [0, 1]."""
    k = torch.remainder(hue[:, None] * 6 + torch.tensor([5.0, 3.0, 1.0]).to(hue), 6.0)
    part = torch.minimum(k, 4 - k).clamp(0, 1)
    return value[:, None] * (1 - saturation[:, None] * part)


def _each(value: Tensor) -> Tensor:
    return value[:, None, None]


@dataclass(frozen=True)
class Asked:
    """What the prompt says of a scene: colour [n, 3] in [0, 1] of the background, whether it said one [n], whether it named a
    thing [n], and the thing's drawings [n, variants, 4, s, s]: RGB times cover, and cover, in [0, 1]."""

    colour: Tensor
    coloured: Tensor
    named: Tensor
    drawings: Tensor


def palette(u: Tensor, asked: Asked) -> tuple[Tensor, Tensor, Tensor]:
    """Colours of the sky above, of the horizon, and of the nearest ground: [n, 3] each."""
    hue, far = u[:, 6], u[:, 7]
    ones = torch.ones_like(hue)
    above = _hsv(hue, 0.35 + 0.4 * u[:, 8], 0.55 + 0.4 * far)
    horizon = _hsv(hue + 0.08 + 0.25 * (far - 0.5), 0.25 + 0.3 * u[:, 8], 0.9 * ones)
    ground = _hsv(hue + 0.35 + 0.4 * (u[:, 8] - 0.5), 0.45 * ones, 0.28 + 0.25 * far)
    told, colour = asked.coloured[:, None], asked.colour
    return (
        torch.lerp(above, colour * 0.92, told),
        torch.lerp(horizon, colour * 0.85 + 0.13, told),
        torch.lerp(ground, colour * 0.74, told),
    )


def landscape(u: Tensor, asked: Asked, at: Grid) -> Tensor:
    """The background alone, RGB [n, 3, h, w] in [0, 1]."""
    x, y = at
    above, horizon, ground = (c[:, :, None, None] for c in palette(u, asked))
    line = _each(0.52 + 0.2 * u[:, 9])
    picture = torch.lerp(above, horizon, (y / line).clamp(0, 1)[:, None] ** 1.5)
    calm = 1 - 0.7 * _each(asked.coloured * asked.named)
    sun_x, sun_y = _each(0.15 + 0.7 * u[:, 10]), line - _each(0.12 + 0.2 * u[:, 11])
    off = ((x - sun_x) ** 2 + (y - sun_y) ** 2).sqrt()
    disc = torch.sigmoid((0.055 - off) * 160) * 0.75 + 0.3 * torch.exp(-off * 7)
    picture = picture + ((1 - 0.5 * (1 - horizon)) - picture) * (disc * calm)[:, None]
    for k in range(3):
        phase = _each(u[:, 10] * (5.0 + 3 * k) + u[:, 11] * (9.0 - 2 * k) + 1.7 * k)
        ridge = line + 0.03 + 0.13 * k
        rise = (0.07 - 0.012 * k) * torch.sin((3.1 + 1.3 * k) * 2 * x + 6.28 * phase)
        rise = rise + 0.022 * torch.sin(17.0 * x + 9.0 * phase)
        cover = torch.sigmoid((y - ridge - rise * _each(0.4 + 0.9 * u[:, 8])) * 220)
        colour = torch.lerp(horizon, ground, 0.36 + 0.32 * k) * (1.08 - 0.25 * (y - ridge).clamp(0, 1))[:, None]
        picture = picture + (colour - picture) * (cover * calm)[:, None]
    return picture.clamp(0, 1)


def frame(u: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Where the noise puts the thing: its middle across and down and half its side, as shares of the picture, its turn in
    radians, and 1 or -1 for the side it faces; [n] each."""
    middle_x, middle_y = 0.5 + 0.3 * (u[:, 0] - 0.5), 0.52 + 0.18 * (u[:, 1] - 0.5)
    return middle_x, middle_y, 0.27 + 0.12 * u[:, 2], 0.5 * (u[:, 3] - 0.5), torch.where(u[:, 5] < 0.5, -1.0, 1.0)


def thing(u: Tensor, asked: Asked, at: Grid) -> tuple[Tensor, Tensor]:
    """The thing where the noise puts it: RGB times cover with its cover, [n, 4, h, w], and its shadow [n, h, w]."""
    x, y = at
    variants = asked.drawings.shape[1]
    middle_x, middle_y, size, turn, side = frame(u)
    chosen = torch.stack([((u[:, 4] * variants).clamp(max=variants - 0.5).floor() == k).to(u) for k in range(variants)], 1)
    drawing = (asked.drawings * chosen[:, :, None, None, None]).sum(1)
    dx, dy = (x - _each(middle_x)) / _each(size), (y - _each(middle_y)) / _each(size)
    cos, sin = _each(turn.cos()), _each(turn.sin())
    across = (cos * dx + sin * dy) * _each(side)
    place = torch.stack([across, cos * dy - sin * dx], -1)
    sampled = F.grid_sample(drawing, place, mode="bilinear", padding_mode="zeros", align_corners=False)
    shadow = torch.exp(-((dx / 0.75) ** 2) - ((dy - 0.93) / 0.16) ** 2) * 0.5
    return sampled * asked.named[:, None, None, None], shadow * _each(asked.named)


def scene(
    u: Tensor, asked: Asked, at: Grid, behind: Tensor | None = None, share: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """The picture RGB [n, 3, h, w] in [0, 1] and the thing's cover [n, 1, h, w].

    `behind` [n, 3, h, w] takes the landscape's place where `share` [n] of the landscape is less than 1.
    """
    picture = landscape(u, asked, at)
    if behind is not None and share is not None:
        picture = torch.lerp(behind, picture, share[:, None, None, None])
    body, shadow = thing(u, asked, at)
    return picture * (1 - shadow[:, None]) * (1 - body[:, 3:]) + body[:, :3], body[:, 3:]
