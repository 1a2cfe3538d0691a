"""Looks of blocks, sheets and dyes: paper cut, linocut, Japanese woodblock, batik."""

import math

import torch
from torch import Tensor

from training.looks.colour import colour, expose, join, mix, nearest, over, ramp, smoothstep, split, steps, vivid
from training.looks.draw import bristles
from training.looks.filters import blur, flow, kuwahara, lines, places, relief, rims, shift, tone
from training.looks.patterns import pattern, texture


def paper_cut(x: Tensor, breadth: float) -> Tensor:
    """Six sheets of coloured paper, each with its shadow on those below."""
    x = expose(x, 0.5)
    along = flow(x, 4.0)
    t = blur(tone(kuwahara(x, 4.0 * breadth, along), 0.5, 0.47), 1.1 * breadth)
    grain = pattern("paper", x)
    out = colour("14213d", x) * (1 + 0.03 * grain)
    codes = ("23506e", "2e8b8b", "e4572e", "f2a154", "fbe3b5", "fffaf0")
    for i, (code, cut) in enumerate(zip(codes, (0.15, 0.28, 0.41, 0.54, 0.67, 0.80), strict=True)):
        sheet = smoothstep(t, cut - 0.016, cut + 0.016)
        far = shift(blur(sheet, 3.5), 6, 5)
        close = shift(blur(sheet, 1.0), 2, 1)
        out = out * (1 - 0.55 * far) * (1 - 0.2 * close)
        light = (sheet - shift(sheet, 1, 1)).clamp(0, 1)
        paper = colour(code, x) * (1 + 0.035 * grain * (-1) ** i) + 0.16 * light
        out = over(out, paper, sheet)
    return out


def linocut(x: Tensor, breadth: float) -> Tensor:
    """A block print: white gouges that follow the forms, one orange block under the black."""
    x = expose(x, 0.52)
    along = flow(x, 5.0, texture("swirl", 34.0, x))
    flat = kuwahara(x, 4.0 * breadth, along)
    t = tone(flat, 0.7, 0.5)
    gouge = torch.tanh(0.9 * bristles(x, along, 11.0, 0.9 * breadth)) * 0.5 + 0.5
    white = smoothstep((t - 0.22) / 0.55 - gouge, -0.09, 0.09)
    white = torch.maximum(white, smoothstep(t, 0.72, 0.8)) * smoothstep(t, 0.17, 0.26)
    sharp = tone(x, 0.6, 0.5)
    white = torch.maximum(white, 0.9 * rims(sharp, along, 1.8 * breadth, 9.0, 0.55, 1.0) * smoothstep(t, 0.5, 0.25))
    white = white * (1 - lines(sharp, along, 1.8 * breadth, 9.0, 0.42, 0.8))
    _, a, b = split(blur(flat, 1.5))
    second = shift(smoothstep(0.8 * a + 0.6 * b, 0.07, 0.16), 1, 2)
    speckle = smoothstep(pattern("paper", x), 1.1, 1.8)
    paper = over(colour("f1e7cf", x).expand_as(x), colour("e2823c", x), second * (1 - 0.4 * speckle))
    return over(paper * relief(pattern("paper", x), 0.02), colour("161c2b", x), (1 - white) * (1 - 0.25 * speckle))


_WOODBLOCK = (
    "1b2440", "27406b", "35608f", "4f7fbd", "86a9c9", "b9cdd2", "b3322a", "d3543a", "e2876a", "7c2d24", "c78b3b", "e0b35c",
    "eed79a", "5a6b45", "869670", "b5bf98", "f3e6c4", "faf3df", "e8c6a0", "c99a70", "8f6243", "5a3b2a", "3a3a3f", "75757a",
    "b0aca2",
)  # fmt: skip


def ukiyo_e(x: Tensor, breadth: float) -> Tensor:
    """A Japanese woodblock: few old inks, key lines, a sky that is wiped darker at its top, waves in the darks."""
    x = expose(x, 0.55)
    along = flow(x, 3.5)
    flat = vivid(kuwahara(kuwahara(x, 5.0 * breadth, along), 4.0, along), 1.55)
    y, a, b = split(flat)
    y = mix(y, steps(y.clamp(0, 1) ** 0.8, 6, 5.0), 0.8)
    out = nearest(join(y, a, b).clamp(0, 1), _WOODBLOCK, 14.0)
    down = pattern("down", x)
    light = smoothstep(y, 0.45, 0.75)
    out = over(out, colour("4f7fbd", x), 0.75 * light * smoothstep(down, -0.55, -1.0))
    fan = _seigaiha(x)
    out = over(out, colour("9fb4c4", x), 0.4 * fan * smoothstep(y, 0.36, 0.24))
    wood = texture("hatch", 60.0, x, 3)
    out = out * (1 + 0.03 * wood) * relief(pattern("paper", x), 0.015)
    sharp = tone(x, 0.5, 0.5)
    line = torch.maximum(
        lines(sharp, along, 1.25 * breadth, 8.0, 0.45, 0.8), lines(sharp, along, 2.3 * breadth, 10.0, 0.52, 0.9)
    )
    return over(out, colour("1b1d2b", x), 0.95 * line)


def _seigaiha(x: Tensor) -> Tensor:
    """Rows of overlapping fans, each of three arcs, every 32 pixels."""
    at = places(x.shape[-2], x.shape[-1], x.device)
    px, py = at[..., 0].unsqueeze(1), at[..., 1].unsqueeze(1)
    out = torch.zeros_like(px)
    done = torch.zeros_like(px)
    for row in (1, 0, -1):
        top = (py / 8).floor() + row
        u = (px - 8 * (top % 2) + 8) % 16 - 8
        d = (u * u + (py - top * 8 - 8) ** 2).sqrt()
        inside = (d < 8.3).float() * (1 - done)
        arcs = torch.stack([smoothstep((d - r).abs(), 1.0, 0.4) for r in (7.6, 5.0, 2.4)]).amax(0)
        out = out + inside * arcs
        done = done + inside
    return out


def batik(x: Tensor, breadth: float) -> Tensor:
    """Wax and two dyes: pale drawn lines and dots, indigo and brown, the wax cracked."""
    x = expose(x, 0.52)
    along = flow(x, 4.0)
    flat = kuwahara(x, 6.0 * breadth, along)
    t = tone(flat, 0.6, 0.5)
    stepped = steps(t, 4, 5.0)
    _, a, b = split(blur(flat, 2.0))
    warm = smoothstep(0.8 * a + 0.5 * b, 0.04, 0.15)
    indigo = ramp(stepped, "0b1a3f", "1d3a78", "5d84b4", "efe6d0")
    soga = ramp(stepped, "2a120c", "6b3317", "b8773c", "f5e9cf")
    out = mix(indigo, soga, warm) * (1 + 0.05 * texture("smooth", 18.0, x))
    at = places(x.shape[-2], x.shape[-1], x.device)
    px, py = at[..., 0].unsqueeze(1), at[..., 1].unsqueeze(1)
    row = (py / 8).floor()
    u, v = (px + 4 * (row % 2)) % 8 - 4, py % 8 - 4
    d = (u * u + v * v).sqrt()
    dot = smoothstep(d, 1.9, 1.1) * smoothstep(t, 0.40, 0.30)
    ring = smoothstep((d - 2.2).abs(), 0.9, 0.4) * smoothstep(t, 0.42, 0.48) * smoothstep(t, 0.62, 0.56)
    sharp = tone(x, 0.5, 0.5)
    wax = torch.maximum(lines(sharp, along, 2.0 * breadth, 10.0, 0.45, 0.85), 0.9 * dot)
    out = over(out, colour("f6edd8", x), torch.maximum(0.93 * wax, 0.45 * ring))
    out = over(
        out, mix(colour("14264f", x), colour("3a1a10", x), warm), 0.75 * lines(sharp, along, 0.9, 7.0, 0.5, 1.0) * (1 - wax)
    )
    crack = smoothstep(pattern("cells", x) * 6, 0.9, 0.2)
    crack = crack * smoothstep(texture("smooth", 16.0, x), 0.2, 1.4) * (1 - 0.7 * along.detail)
    weave = 0.02 * (torch.cos(px * math.pi) + torch.cos(py * math.pi))
    return over(out * (1 + weave), colour("14264f", x), 0.5 * crack * smoothstep(t, 0.15, 0.5))
