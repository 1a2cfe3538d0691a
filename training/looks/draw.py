"""Looks that are drawn: pencils, pastel, charcoal, chalk, pen and ink, dots, brush and ink, a scratched card."""

from functools import lru_cache

import torch
from torch import Tensor

from training.looks.colour import colour, expose, join, luma, mix, over, smoothstep, split, vivid
from training.looks.filters import Flow, blur, contrast, flow, kuwahara, lines, look_up, places, relief, rims, smear, tone
from training.looks.patterns import TILE, pattern, texture


def bristles(x: Tensor, along: Flow, length: float, size: float = 0.0) -> Tensor:
    """Fixed noise that is smeared along the forms, mean size about 1: what hairs of a brush, or chalk, leave."""
    noise = texture("noise", size, x) if size else pattern("noise", x)
    return contrast(smear(noise, along, length), 8.0, 0.02)


def pencil(x: Tensor, breadth: float) -> Tensor:
    """Graphite: contours, and hatching that follows the light, on a toothy paper."""
    x = expose(x, 0.56)
    along = flow(x, 3.0)
    t = tone(x, 0.6, 0.6)
    dark = 1 - blur(t, 1.2)
    grain = 0.35 * pattern("paper", x)
    first = smoothstep(0.8 * texture("hatch", 20.0, x, 52) + grain + 5.0 * (dark - 0.42), -0.9, 1.3)
    second = smoothstep(0.8 * texture("hatch", 20.0, x, -28) + grain + 5.5 * (dark - 0.66), -0.9, 1.3)
    form = smoothstep(0.7 * bristles(x, along, 9.0) + grain + 5.0 * (dark - 0.58), -0.6, 1.4)
    shade = 1 - (1 - 0.5 * first) * (1 - 0.55 * second) * (1 - 0.45 * form)
    line = torch.maximum(lines(t, along, 1.0 * breadth, 7.0, 0.35, 1.0), 0.9 * lines(t, along, 1.9 * breadth, 8.0, 0.5, 1.05))
    line = line * (0.72 + 0.28 * smoothstep(grain + 0.6 * dark, -0.4, 0.5))
    graphite = (1 - (1 - shade) * (1 - 0.9 * line)) * smoothstep(dark, 0.02, 0.22).clamp(min=0.0)
    paper = colour("f8f5ee", x) * relief(pattern("paper", x), 0.035)
    return over(paper, colour("2b2c33", x), 0.94 * torch.maximum(graphite, 0.85 * line))


def coloured_pencil(x: Tensor, breadth: float) -> Tensor:
    """Three layers of coloured pencil, each with its own hatching, multiplied on white paper."""
    x = expose(x, 0.56)
    along = flow(x, 3.0)
    bright = vivid(kuwahara(x, 3.0 * breadth, along), 1.6)
    y, a, b = split(bright)
    grain = 0.45 * pattern("paper", x)
    density = 1.05 * (1 - y) + 0.5 * (a.abs() + b.abs())

    def layer(hatch: Tensor, amount: Tensor, tint: Tensor) -> Tensor:
        cover = amount * (0.3 + 0.7 * smoothstep(0.75 * hatch + grain + 3.2 * (amount - 0.45), -1.0, 1.0))
        return 1 - cover * (1 - tint)

    light = join(0.45 + 0.5 * y, 1.2 * a, 1.2 * b).clamp(0, 1)
    deep = join(0.62 * y, 1.1 * a - 0.01, b - 0.05).clamp(0, 1)
    out = colour("fbf8f1", x) * relief(pattern("paper", x), 0.03)
    out = out * layer(texture("hatch", 24.0, x, 52), density.clamp(0, 1), light)
    out = out * layer(texture("hatch", 24.0, x, -20), (1.5 * density - 0.55).clamp(0, 1) * 0.8, deep)
    out = out * layer(bristles(x, along, 10.0), (1.8 * (1 - y) - 0.75).clamp(0, 1) * 0.85, deep * 0.6)
    line = lines(tone(x, 0.5, 0.5), along, 1.15 * breadth, 7.0, 0.4, 0.95) * (0.75 + 0.25 * smoothstep(grain, -0.4, 0.3))
    return over(out, join(0.22 * y, 0.5 * a, 0.5 * b).clamp(0, 1), 0.8 * line)


def pastel(x: Tensor, breadth: float) -> Tensor:
    """Soft broad chalks on blue-grey paper that shows between the strokes."""
    x = expose(x, 0.53)
    along = flow(x, 4.0, texture("swirl", 40.0, x))
    bright = vivid(kuwahara(x, 4.0 * breadth, along), 1.6, shadow=(0.05, -0.12))
    t = luma(bright)
    grain = 0.6 * pattern("paper", x)
    fine = bristles(x, along, 13.0, 0.7)
    broad = bristles(x, along, 15.0, 2.0)
    calm = 1 - 0.55 * along.detail
    y, a, b = split(bright)
    chalk = join(
        y * 1.04 + 0.075 * broad * calm,
        a + 0.05 * torch.sin(2.6 * broad) * calm,
        b + 0.06 * torch.cos(2.6 * broad) * calm,
    )
    cover = 0.42 + 0.58 * smoothstep(0.8 * fine + grain + 3.2 * (t - 0.42).abs(), -1.0, 0.9)
    cover = torch.maximum(cover, 0.45 * along.detail + 0.35)
    paper = colour("5d6d78", x) * (1 + 0.06 * texture("hatch", 12.0, x, 7)) * relief(pattern("paper", x), 0.05)
    out = over(paper, chalk.clamp(0, 1), cover)
    sharp = tone(x, 0.5, 0.5)
    broken = smoothstep(grain + 0.4, -0.5, 0.4)
    out = over(out, colour("2b1f33", x), 0.66 * lines(sharp, along, 1.6 * breadth, 9.0, 0.4, 0.95) * broken)
    return over(
        out, colour("fffaf0", x), 0.5 * rims(sharp, along, 1.8 * breadth, 9.0, 0.5, 1.0) * broken * smoothstep(t, 0.35, 0.7)
    )


def charcoal(x: Tensor, breadth: float) -> Tensor:
    """Burnt wood on laid paper: smudged darks, grain in the halftones, wiped lights."""
    x = expose(x, 0.54)
    along = flow(x, 3.0)
    t = tone(x, 0.55, 0.55)
    smudge = mix(t, smear(t, along, 14.0 * breadth), 0.7)
    dark = (1 - smudge).clamp(0, 1) ** 1.35
    grain = 0.5 * pattern("paper", x) + 0.35 * pattern("noise", x) + 0.6 * texture("hatch", 16.0, x, -45)
    dark = (dark + 0.55 * grain * dark * (1 - dark)).clamp(0, 1)
    ink = 0.5 * dark + 0.5 * smoothstep(dark, 0.12, 0.78)
    thick = lines(t, along, 2.0 * breadth, 9.0, 0.42, 1.0)
    fine = lines(t, along, 1.1 * breadth, 7.0, 0.4, 1.0)
    line = torch.maximum(thick, 0.85 * fine) * (0.8 + 0.2 * smoothstep(grain, -0.6, 0.4))
    ink = 1 - (1 - 0.95 * ink) * (1 - 0.85 * line) * (1 - 0.12 * blur(thick, 6.0))
    wiped = smoothstep(t, 0.80, 0.95)
    ink = ink * (1 - wiped) + 0.6 * line * wiped
    paper = colour("efe8da", x) * (1 + 0.012 * texture("hatch", 60.0, x, 0)) * relief(pattern("paper", x), 0.03)
    return over(paper, colour("191719", x), ink.clamp(0, 0.97))


def chalk(x: Tensor, breadth: float) -> Tensor:
    """Coloured chalks on a green board that was wiped before."""
    x = expose(x, 0.53)
    along = flow(x, 3.0)
    t = tone(x, 0.6, 0.5)
    board = colour("1f322b", x) * (1 + 0.10 * texture("smooth", 40.0, x) + 0.05 * pattern("noise", x))
    board = board + 0.035 * smoothstep(texture("hatch", 60.0, x, 18), -0.5, 2.0)
    u = blur(t, 0.8) ** 1.25
    grain = 0.7 * pattern("paper", x) + 0.35 * pattern("noise", x)
    cover = 0.36 + 0.64 * smoothstep(grain + 0.7 * texture("hatch", 18.0, x, 40) + 4 * (u - 0.5), -0.8, 1.0)
    line = torch.maximum(lines(t, along, 1.4 * breadth, 8.0, 0.4, 0.95), lines(t, along, 2.6 * breadth, 8.0, 0.5, 0.95))
    cover = cover * smoothstep(u, 0.10, 0.9) * (1 - 0.92 * line)
    flat = kuwahara(x, 3.0 * breadth, along)
    y, a, b = split(vivid(flat, 1.5))
    stick = join(0.58 + 0.4 * y, a.clamp(-0.35, 0.35), b.clamp(-0.35, 0.35)).clamp(0, 1)
    out = over(board, stick, cover)
    edge = smoothstep(
        smear(blur(t, 1.0) - blur(t, 2.2), along, 8.0) / (0.02 + 1.2 * blur((t - blur(t, 2.2)).abs(), 20.0)), 0.35, 0.9
    )
    return over(out, colour("f4f2ea", x), 0.85 * edge * smoothstep(grain + 0.8, 0.0, 1.0)) + 0.02 * blur(cover, 4.0)


def _hatching(x: Tensor, rise: int) -> Tensor:
    """How far each pixel is from the middle of the nearest of slanting lines, in pixels, which repeat every 8 pixels across and
    down as the halftone screen does; `rise` is 1 or -1.
    """
    at = places(x.shape[-2], x.shape[-1], x.device)
    phase = (at[..., 0] + rise * at[..., 1]).unsqueeze(1) / 8
    return (phase - phase.floor() - 0.5).abs() * (8 / 2**0.5)


def ink_hatch(x: Tensor, breadth: float) -> Tensor:
    """Pen and ink: lines that swell with the dark, in the darks others across them, contours, and solid black."""
    x = expose(x, 0.56)
    along = flow(x, 3.0)
    t = blur(tone(x, 0.7, 0.57), 0.9)
    pressure = 0.06 * texture("smooth", 6.0, x)
    white = torch.ones_like(t)
    for rise, cut, reach in ((1, 0.80, 0.52), (-1, 0.48, 0.36)):
        share = ((cut - t) / reach + pressure).clamp(0, 1)
        half = (0.55 + 1.3 * share) * breadth
        white = white * (1 - (half - _hatching(x, rise) + 0.5).clamp(0, 1) * smoothstep(share, 0.0, 0.14))
    white = white * smoothstep(t, 0.10, 0.18)
    line = torch.maximum(lines(t, along, 1.2 * breadth, 7.0, 0.4, 0.85), lines(t, along, 2.5 * breadth, 8.0, 0.5, 0.9))
    ink = 1 - white * (1 - line)
    return over(colour("f7f0df", x) * relief(pattern("paper", x), 0.02), colour("1c1a22", x), ink)


@lru_cache(maxsize=4)
def _points(count: int, side: int) -> tuple[Tensor, Tensor]:
    """Of each pixel of a tile of `side`: the four nearest of `count` points, [4, side, side] distances and ranks in [0, 1].

    The points are in farthest-point order, so any first part of them is evenly spread.
    """
    axis = torch.arange(side, dtype=torch.float32)
    yy, xx = torch.meshgrid(axis, axis, indexing="ij")
    draw = torch.Generator().manual_seed(9)
    sx, sy = torch.rand((2, 6 * count), generator=draw) * side

    def far(d: Tensor) -> Tensor:
        d = d.abs()
        return torch.minimum(d, side - d)

    best = torch.full((6 * count,), 1e9)
    chosen: list[int] = []
    at = 0
    for _ in range(count):
        chosen.append(at)
        best = torch.minimum(best, far(sx - sx[at]) ** 2 + far(sy - sy[at]) ** 2)
        far_enough = (best > 0.72 * best.max()).nonzero()[:, 0]
        at = int(far_enough[torch.randint(len(far_enough), (1,), generator=draw)])
    px, py = sx[chosen], sy[chosen]
    distance = (far(xx.reshape(-1, 1) - px) ** 2 + far(yy.reshape(-1, 1) - py) ** 2).sqrt()
    near, index = distance.topk(4, dim=1, largest=False)
    rank = (index.float() + 0.5) / count
    return near.T.reshape(4, side, side), rank.T.reshape(4, side, side)


@lru_cache(maxsize=16)
def _stipples(h: int, w: int, device: torch.device) -> tuple[Tensor, Tensor]:
    near, rank = _points(640, 64)
    times = (1, -(-h // 64), -(-w // 64))
    return near.repeat(times)[None, :, :h, :w].to(device), rank.repeat(times)[None, :, :h, :w].to(device)


def stipple(x: Tensor, breadth: float) -> Tensor:
    """Dots of a fine pen, close and swollen in the dark."""
    x = expose(x, 0.56)
    along = flow(x, 3.0)
    t = tone(x, 0.75, 0.57)
    line = torch.maximum(lines(t, along, 1.2 * breadth, 7.0, 0.4, 0.9), lines(t, along, 2.2 * breadth, 8.0, 0.5, 0.95))
    dark = (1 - blur(t, 1.0)) ** 1.7 - 0.03 + 0.55 * line
    near, rank = _stipples(x.shape[-2], x.shape[-1], x.device)
    excess = dark - rank
    radius = (0.5 + 2.4 * excess.clamp(0, 1)).clamp(max=1.9) * breadth
    ink = ((radius - near + 0.45).clamp(0, 1) * smoothstep(excess, -0.02, 0.04)).amax(1, keepdim=True)
    return over(colour("f6f1e6", x) * relief(pattern("paper", x), 0.015), colour("15161c", x), ink)


def brush_ink(x: Tensor, breadth: float) -> Tensor:
    """Sumi-e: four wet washes, a dry brush for the contours, rice paper, a red seal."""
    x = expose(x, 0.58)
    source = look_up(x, 2.2 * texture("smooth", 5.0, x, 1), 2.2 * texture("smooth", 5.0, x, 2), smooth=True)
    along = flow(source, 4.0)
    t = tone(kuwahara(source, 7.0 * breadth, along), 0.5, 0.6)
    ink = torch.zeros_like(t)
    for high, low, amount in ((0.72, 0.50, 0.20), (0.52, 0.34, 0.26), (0.34, 0.20, 0.42), (0.20, 0.08, 0.62)):
        wash = smoothstep(t, high, low)
        wet = 0.6 * blur(wash, 1.0) + 0.4 * blur(wash, 5.0)
        rim = (blur(wash, 1.0) - blur(wash, 4.0)).clamp(min=0)
        wash = (amount * (wet + 0.5 * rim) * (1 + 0.22 * texture("smooth", 18.0, x) + 0.12 * pattern("paper", x))).clamp(0, 1)
        ink = 1 - (1 - ink) * (1 - wash)
    sharp = tone(source, 0.5, 0.55)
    dry = smoothstep(bristles(x, along, 12.0), -1.3, -0.1)
    thick = lines(sharp, along, 2.5 * breadth, 10.0, 0.42, 0.85) * (0.35 + 0.65 * dry)
    fine = lines(sharp, along, 1.2 * breadth, 8.0, 0.45, 0.95)
    ink = 1 - (1 - ink) * (1 - 0.95 * thick) * (1 - 0.7 * fine)
    fibres = smoothstep(texture("hatch", 14.0, x, 12), 1.6, 2.6) + smoothstep(texture("hatch", 14.0, x, 100), 1.7, 2.7)
    paper = colour("f4ecd9", x) * (1 - 0.05 * fibres) * relief(pattern("paper", x), 0.02)
    return _seal(over(paper, colour("171518", x), ink))


def _seal(x: Tensor) -> Tensor:
    """A square red seal near the lower right corner, cut with strokes."""
    h, w = x.shape[-2:]
    at = places(h, w, x.device)
    side = 34 * min(1.0, h / TILE)
    u = (at[..., 0].unsqueeze(1) - (w - side * 1.7)) / side
    v = (at[..., 1].unsqueeze(1) - (h - side * 1.7)) / side
    square = smoothstep(torch.maximum((u - 0.5).abs(), (v - 0.5).abs()), 0.52, 0.48)
    strokes = torch.zeros_like(u)
    for x0, y0, x1, y1 in (
        (0.15, 0.22, 0.85, 0.22),
        (0.5, 0.22, 0.5, 0.8),
        (0.2, 0.5, 0.8, 0.5),
        (0.2, 0.5, 0.2, 0.82),
        (0.8, 0.5, 0.8, 0.82),
        (0.2, 0.82, 0.8, 0.82),
    ):
        du, dv = x1 - x0, y1 - y0
        p = (((u - x0) * du + (v - y0) * dv) / (du * du + dv * dv)).clamp(0, 1)
        d = ((u - x0 - p * du) ** 2 + (v - y0 - p * dv) ** 2).sqrt()
        strokes = torch.maximum(strokes, smoothstep(d, 0.065, 0.03))
    worn = 1 - 0.5 * smoothstep(pattern("paper", x), 0.9, 1.6)
    return over(x, colour("b3261e", x), 0.92 * square * (1 - strokes) * worn)


def scratch(x: Tensor, breadth: float) -> Tensor:
    """A black card scratched to the shining foil under it."""
    foil = x.new_tensor([[-0.05, 0.25, -0.15], [-0.37, 0.05, 0.23]])[:, None, :, None, None]
    x = expose(x, 0.52)
    along = flow(x, 4.0, texture("swirl", 50.0, x))
    t = blur(tone(x, 0.85, 0.48), 1.1)
    strokes = torch.tanh(0.9 * bristles(x, along, 12.0, 0.6 * breadth)) * 0.5 + 0.5
    cut = smoothstep(t - strokes * 0.92 - 0.02, -0.1, 0.1) * smoothstep(t, 0.08, 0.2)
    sharp = tone(x, 0.6, 0.5)
    cut = torch.maximum(cut, 0.9 * rims(sharp, along, 1.3 * breadth, 8.0, 0.5, 0.95))
    dark = torch.maximum(
        lines(sharp, along, 1.3 * breadth, 8.0, 0.4, 0.85), lines(sharp, along, 2.4 * breadth, 8.0, 0.55, 0.95)
    )
    cut = cut * (1 - dark)
    # a foil that goes from pink to gold across, and to blue and green down
    across, down = pattern("across", x), pattern("down", x)
    hue = (colour("a38ca3", x) + across * foil[0] + down * foil[1]).clamp(0, 1)
    hue = mix(hue, torch.ones_like(hue), 0.55 * smoothstep(t, 0.6, 0.95))
    return over(colour("0c0c0f", x).expand_as(x), hue, cut)
