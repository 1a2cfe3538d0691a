"""Looks that are painted: oil after van Gogh, watercolor, Delft tiles."""

import torch
from torch import Tensor

from training.looks.colour import colour, expose, join, mix, over, ramp, smoothstep, split, steps, vivid
from training.looks.filters import blur, contrast, flow, kuwahara, lines, look_up, places, relief, sharpen, smear, tone
from training.looks.patterns import pattern, texture
from training.looks.strokes import Brush, Canvas, lay


def _wander(x: Tensor, size: float, amount: float) -> Tensor:
    """The picture pulled about by a fixed noise, so that no edge is straight."""
    return look_up(x, amount * texture("smooth", size, x, 21), amount * texture("smooth", size, x, 22), smooth=True)


_VAN_GOGH = (
    Brush(16, 3, 36.0, 9.0, (0.07, 0.06, 0.09), seed=1, bend=1.6),
    Brush(16, 3, 21.0, 4.8, (0.05, 0.04, 0.06), seed=2, bend=1.0),
)


def van_gogh(x: Tensor, breadth: float) -> Tensor:
    """Thick curved strokes that swirl, chrome yellow against Prussian blue."""
    x = expose(x, 0.48)
    along = flow(x, 4.0, texture("swirl", 34.0, x, 31))
    base = kuwahara(x, 4.0, along)
    bright = vivid(base, 1.6, shadow=(-0.02, -0.20), light=(0.0, 0.12))
    bright = mix(bright, bright * bright * (3 - 2 * bright), 0.6)
    ground = Canvas(bright * 0.6, torch.zeros_like(x[:, :1]))
    canvas = lay(ground, _VAN_GOGH[0], bright, along, breadth)
    canvas = lay(canvas, _VAN_GOGH[1], sharpen(bright, 0.6, 2.0), along, breadth, where=along.detail, calm=0.8)
    bristles = contrast(smear(texture("noise", 0.7, x), along, 9.0), 8.0, 0.1)
    light = relief(canvas.height + 0.35 * bristles, 0.55)
    light = mix(light, torch.ones_like(light), 0.5 * along.detail)
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
    bloom = 0.16 * texture("smooth", 18.0, x, 23) + 0.10 * texture("smooth", 7.0, x, 21) + 0.09 * pattern("paper", x)
    density = density * (1 + 3.3 * rim + bloom).clamp(min=0.2)
    across, down = pattern("across", x), pattern("down", x)
    h, w = x.shape[-2:]
    inward = torch.minimum((1 - across.abs()) * (w / 2), (1 - down.abs()) * (h / 2))
    inward = inward - 13 - 3.0 * texture("smooth", 4.0, x, 24) - 2.5 * texture("smooth", 7.0, x, 22)
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
    crackle = smoothstep(texture("cracks", 34.0, x), 0.8, 0.2) * smoothstep(texture("smooth", 18.0, x, 23), 0.2, 1.2)
    out = out * light * (1 - 0.10 * crackle)
    out = 1 - (1 - out.clamp(0, 1)) * (1 - glint)
    return over(out, colour("8e8a80", x), smoothstep(seam, 1.6, 0.6))
