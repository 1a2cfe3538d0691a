"""Looks that are painted: oil after van Gogh, watercolor, Delft tiles."""

from functools import lru_cache

import torch
from torch import Tensor

from training.looks.colour import colour, expose, join, luma, mix, nearest, over, ramp, smoothstep, split, steps, vivid
from training.looks.draw import bristles
from training.looks.filters import blur, contrast, flow, kuwahara, lines, look_up, places, relief, sharpen, smear, tone
from training.looks.patterns import pattern, texture
from training.looks.strokes import Brush, Canvas, lay


def _wander(x: Tensor, size: float, amount: float) -> Tensor:
    """The picture pulled about by a fixed noise, so that no edge is straight."""
    return look_up(x, amount * texture("smooth", size, x, 1), amount * texture("smooth", size, x, 2), smooth=True)


_VAN_GOGH = (
    Brush(16, 3, 36.0, 9.0, (0.07, 0.06, 0.09), seed=1, bend=1.6),
    Brush(16, 3, 21.0, 4.8, (0.05, 0.04, 0.06), seed=2, bend=1.0),
)


def van_gogh(x: Tensor, breadth: float) -> Tensor:
    """Thick curved strokes that swirl, chrome yellow against Prussian blue."""
    x = expose(x, 0.48)
    along = flow(x, 4.0, texture("swirl", 34.0, x))
    base = kuwahara(x, 4.0, along)
    bright = vivid(base, 1.6, shadow=(-0.02, -0.20), light=(0.0, 0.12))
    bright = mix(bright, bright * bright * (3 - 2 * bright), 0.6)
    ground = Canvas(bright * 0.6, torch.zeros_like(x[:, :1]))
    canvas = lay(ground, _VAN_GOGH[0], bright, along, breadth)
    canvas = lay(canvas, _VAN_GOGH[1], sharpen(bright, 0.6, 2.0), along, breadth, where=along.detail, calm=0.8)
    hairs = bristles(x, along, 10.0, 0.6)
    light = relief(canvas.height, 0.35) * (1 + 0.2 * torch.tanh(hairs))
    light = mix(light, torch.ones_like(light), 0.4 * along.detail)
    out = mix(canvas.colour, bright, 0.22 * along.detail) * light
    line = lines(tone(x, 0.4, 0.5), along, 1.6, 9.0, 0.4, 0.95)
    return over(out, colour("101a3c", x), 0.6 * line)


def watercolor(x: Tensor, breadth: float) -> Tensor:
    """Washes with dark wet rims, blooms, grain of the paper, a ragged white margin and a pencil under it."""
    x = expose(x, 0.56)
    source = _wander(x, 7.0, 1.6)
    along = flow(source, 3.0)
    wash = kuwahara(kuwahara(source, 5.0 * breadth, along), 4.0 * breadth, along)
    y, a, b = split(vivid(wash, 1.6))
    y = mix(y, steps(y, 5, 4.0), 0.5)
    y = 0.16 + 0.84 * y
    wash = join(y, a, b).clamp(0.03, 1)
    density = -torch.log(wash)
    rim = (y - blur(y, 2.2 * breadth)).abs()
    bloom = 0.11 * texture("smooth", 18.0, x) + 0.10 * texture("smooth", 7.0, x) + 0.09 * pattern("paper", x)
    density = density * (1 + 3.3 * rim + bloom).clamp(min=0.2)
    across, down = pattern("across", x), pattern("down", x)
    h, w = x.shape[-2:]
    inward = torch.minimum((1 - across.abs()) * (w / 2), (1 - down.abs()) * (h / 2))
    inward = inward - 13 - 3.0 * texture("smooth", 4.0, x) - 2.5 * texture("smooth", 7.0, x, 1)
    painted = smoothstep(inward, -0.8, 0.8)
    density = density * painted * (1 + 0.5 * smoothstep(inward, 4.0, 0.0))
    paper = colour("fdfaf1", x) * relief(pattern("paper", x), 0.05)
    line = lines(tone(x, 0.4, 0.5), along, 1.1, 7.0, 0.45, 0.95) * smoothstep(inward, -6.0, -1.0)
    return over(torch.exp(-density) * paper, colour("3c3844", x), 0.55 * line)


def delft(x: Tensor, breadth: float) -> Tensor:
    """Blue brush on white glazed tiles."""
    x = expose(x, 0.56)
    along = flow(x, 3.0)
    t = tone(kuwahara(x, 5.0 * breadth, along), 0.6, 0.6)
    stepped = mix(t, steps(t, 5, 4.0), 0.6)
    bristles = contrast(smear(texture("noise", 0.7, x), along, 10.0), 8.0, 0.1)
    rim = (t - blur(t, 2.2)).abs()
    stepped = stepped + 0.045 * bristles * smoothstep(stepped, 0.98, 0.6) - 0.8 * rim
    out = ramp(stepped, "0b1f5c", "16388a", "3a66b0", "8fb0d8", "dfe8f1", "fbfaf4")
    sharp = tone(x, 0.6, 0.55)
    line = torch.maximum(lines(sharp, along, 1.3 * breadth, 7.0), lines(sharp, along, 2.4 * breadth, 9.0, 0.5, 0.95))
    out = over(out, colour("0c1f66", x), 0.92 * line)
    seam = pattern("tiles", x) * 32
    height = smoothstep(seam, 0.0, 4.5)
    light = relief(height, 1.6)
    at = places(x.shape[-2], x.shape[-1], x.device)
    gx, gy = (at[..., 0].unsqueeze(1) % 64 - 15) / 9, (at[..., 1].unsqueeze(1) % 64 - 13) / 6
    glint = 0.14 * torch.exp(-(gx * gx + gy * gy))
    crackle = smoothstep((pattern("cells", x) * 6), 0.8, 0.2) * smoothstep(texture("smooth", 18.0, x), 0.2, 1.2)
    out = out * light * (1 - 0.10 * crackle)
    out = 1 - (1 - out.clamp(0, 1)) * (1 - glint)
    return over(out, colour("8e8a80", x), smoothstep(seam, 1.6, 0.6))


def oil_painting(x: Tensor, breadth: float) -> Tensor:
    """An old master: broad strokes under brown varnish, thick lights, a dark oval, craquelure."""
    x = expose(x, 0.46)
    along = flow(x, 4.0, texture("swirl", 50.0, x))
    flat = sharpen(kuwahara(kuwahara(x, 5.0 * breadth, along), 4.0 * breadth, along), 0.6, 2.5)
    flat = vivid(flat, 1.35)
    y = luma(flat)
    out = mix(flat, flat * flat * (3 - 2 * flat), 0.75)
    across, down = pattern("across", x), pattern("down", x)
    out = out * (1 - 0.5 * smoothstep(across * across + 0.85 * down * down, 0.45, 1.7))
    dark = smoothstep(luma(out), 0.45, 0.0)
    out = mix(out, colour("2a1608", x), 0.35 * dark)
    r, g, b = out[:, 0:1], out[:, 1:2], out[:, 2:3]
    light = smoothstep(y, 0.3, 0.9)
    out = torch.cat([r + 0.03 * light, g, b * (1 - 0.20 * light)], 1)
    hairs = bristles(x, along, 13.0, 0.7)
    thick = bristles(x, along, 16.0, 2.2)
    calm = 1 - 0.5 * along.detail
    y2, a2, b2 = split(out.clamp(0, 1))
    out = join(y2 + 0.035 * thick * calm, a2 + 0.02 * torch.sin(2.6 * thick) * calm, b2 + 0.02 * thick * calm)
    at = places(x.shape[-2], x.shape[-1], x.device)
    weave = (torch.cos(at[..., 0] * torch.pi / 2) * torch.cos(at[..., 1] * torch.pi / 2)).unsqueeze(1)
    light = relief(0.55 * hairs * (0.5 + y) + 0.5 * thick + 0.12 * weave + 5.0 * blur(y, 1.0), 0.20)
    cracks = smoothstep(pattern("cells", x) * 6, 0.75, 0.25) * smoothstep(texture("smooth", 12.0, x), -0.2, 0.9)
    out = out * light * (1 - 0.28 * cracks * smoothstep(y, 0.4, 0.75) * (1 - 0.8 * along.detail))
    return over(out, colour("1c0f08", x), 0.4 * lines(tone(x, 0.4, 0.5), along, 1.8 * breadth, 9.0, 0.45, 1.0))


_DABS = (
    Brush(16, 4, 13.0, 8.5, (0.06, 0.07, 0.10), seed=3),
    Brush(16, 4, 10.0, 5.5, (0.05, 0.05, 0.07), seed=4),
)


def impressionist(x: Tensor, breadth: float) -> Tensor:
    """Short thick dabs of broken colour, violet shadows, warm lights."""
    x = expose(x, 0.55)
    along = flow(x, 4.0, texture("swirl", 45.0, x))
    base = kuwahara(x, 3.0, along)
    bright = vivid(base, 1.7, shadow=(0.08, -0.24), light=(0.02, 0.05))
    bright = ((bright - 0.5) * 1.15 + 0.53).clamp(0, 1)
    canvas = Canvas(blur(bright, 4.0), torch.zeros_like(x[:, :1]))
    canvas = lay(canvas, _DABS[0], bright, along, breadth, calm=0.45)
    canvas = lay(canvas, _DABS[1], sharpen(bright, 0.7, 2.0), along, 1.0, where=along.detail, calm=0.6)
    hairs = bristles(x, along, 5.0, 0.6)
    light = relief(canvas.height + 0.25 * hairs, 0.42)
    out = mix(canvas.colour, sharpen(bright, 0.7, 2.0), 0.3 * along.detail)
    return out * mix(light, torch.ones_like(light), 0.3 * along.detail)


@lru_cache(maxsize=64)
def _dots(layer: int, radius: float, pitch: int, h: int, w: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """A layer of fixed round dots: of each pixel the way to the middle of its dot (x, y), how much of it is covered, a number
    in [0, 1].
    """
    count = 64 // pitch
    draw = torch.Generator().manual_seed(500 + layer)
    shake = (torch.rand((2, count, count), generator=draw) - 0.5) * 0.7 * pitch
    number = torch.rand((count, count), generator=draw)
    shift = (pitch // 2) * (layer % 2)
    at = places(h, w, torch.device("cpu"))[0]
    x, y = at[..., 0], at[..., 1]
    best = torch.full((h, w), 1e9)
    toward_x, toward_y, chosen = torch.zeros(h, w), torch.zeros(h, w), torch.zeros(h, w)
    column, row = ((x - shift) / pitch).floor(), ((y - shift) / pitch).floor()
    for oy in (-1, 0, 1):
        for ox in (-1, 0, 1):
            i, j = ((row + oy) % count).long(), ((column + ox) % count).long()
            dx = (column + ox + 0.5) * pitch + shift + shake[0][i, j] - 0.5 - x
            dy = (row + oy + 0.5) * pitch + shift + shake[1][i, j] - 0.5 - y
            d = dx * dx + dy * dy
            near = d < best
            best = torch.where(near, d, best)
            toward_x, toward_y = torch.where(near, dx, toward_x), torch.where(near, dy, toward_y)
            chosen = torch.where(near, number[i, j], chosen)
    cover = (radius - best.sqrt() + 0.5).clamp(0, 1)
    planes = torch.stack([toward_x, toward_y, cover, chosen])[:, None, None].to(device)
    return planes[0], planes[1], planes[2], planes[3]


def pointillism(x: Tensor, breadth: float) -> Tensor:
    """Round dots of pure colours that mix in the eye."""
    x = expose(x, 0.55)
    along = flow(x, 3.0)
    base = sharpen(kuwahara(x, 3.0, along), 0.8, 2.0)
    bright = vivid(base, 1.75, shadow=(0.06, -0.20), light=(0.0, 0.04))
    y, a, b = split(blur(bright, 4.0))
    out = join(0.12 + 0.85 * y, 0.55 * a, 0.55 * b).clamp(0, 1)
    h, w = x.shape[-2:]
    source = torch.cat([bright, along.detail], 1)
    for layer, (radius, pitch, fine) in enumerate(
        ((3.0, 8, False), (2.9, 8, False), (2.7, 8, False), (2.6, 8, False), (1.7, 4, True), (1.5, 4, True))
    ):
        dx, dy, cover, number = _dots(layer, radius * (1.0 if fine else breadth**0.5), pitch, h, w, x.device)
        dot = look_up(source, dx, dy)
        detail = dot[:, 3:4]
        y, a, b = split(dot[:, :3])
        loose = 1 - (0.45 if fine else 0.6) * detail
        # A third of the dots turn their hue one way, a third the other; a turn of red-green and yellow-blue keeps the mean.
        turn = torch.where(number < 0.33, -0.5, torch.where(number < 0.66, 0.55, 0.0)) * loose
        wide = loose * ((number * 7) % 1 - 0.5)
        c, s = torch.cos(turn), torch.sin(turn)
        grow_ = 1.0 + 0.3 * loose
        a, b = (a * c - b * s) * grow_ + 0.12 * wide, (a * s + b * c) * grow_ - 0.16 * wide
        y = y + 0.10 * loose * ((number * 13) % 1 - 0.45)
        if fine:
            cover = cover * smoothstep(detail, 0.25, 0.75)
        out = over(out, join(y, a, b).clamp(0, 1), cover)
    return out * relief(pattern("paper", x), 0.02)


_POSTER = (
    "1d1b2a", "3b2a3d", "5b3a2e", "8a5a3c", "b98055", "dcae83", "f3d9b8", "fff6e6", "7c1f2b", "b3282d", "e0472f", "f07a3a",
    "f6a63c", "f9cf5a", "fbe79a", "3d5a2b", "5f8a3a", "93b55a", "c9d99a", "1f4b47", "2f7f78", "6bb5a8", "b5ddd2", "1b2f5e",
    "2c56a0", "5b8fd0", "a9cbe8", "4b2d6b", "7d55a0", "b695c9", "e39ab0", "f2c9cf", "6e6e76", "a8a7ab", "d6d3cd",
)  # fmt: skip


def gouache(x: Tensor, breadth: float) -> Tensor:
    """Flat opaque poster paint in few colours, dry brush at the edges."""
    x = expose(x, 0.54)
    source = _wander(x, 4.0, 1.3)
    along = flow(source, 3.5)
    flat = sharpen(kuwahara(kuwahara(source, 5.0 * breadth, along), 4.0 * breadth, along), 0.5, 2.5)
    y, a, b = split(vivid(flat, 1.75))
    y = mix(y, steps(y.clamp(0, 1) ** 0.9, 6, 6.0), 0.9)
    out = join(y, a, b).clamp(0, 1)
    out = mix(out, nearest(out, _POSTER, 16.0), 0.5)
    hairs = bristles(x, along, 12.0, 1.2)
    out = out * (1 + 0.035 * hairs) * relief(0.5 * pattern("paper", x) + 0.6 * hairs, 0.06)
    dry = smoothstep(bristles(x, along, 10.0, 0.8) + 0.8 * pattern("paper", x), 1.6, 2.6)
    out = over(out, join(y + 0.25, a * 0.8, b * 0.8).clamp(0, 1), 0.5 * dry)
    return over(out, colour("4a2f3a", x), 0.72 * lines(tone(source, 0.4, 0.5), along, 1.7 * breadth, 9.0, 0.45, 0.9))
