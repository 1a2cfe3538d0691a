"""Looks that are printed or drawn flat: comic, anime, pop art, engraving, paper cut."""

import torch
from torch import Tensor

from training.looks.colour import (
    colour,
    expose,
    join,
    luma,
    mix,
    over,
    smoothstep,
    split,
    steps,
    vivid,
)
from training.looks.filters import blur, flow, kuwahara, lines, places, slopes, tone
from training.looks.patterns import pattern


def dots(screen: Tensor, share: Tensor, soft: float = 0.22) -> Tensor:
    """Ink where a halftone screen prints `share` of it."""
    return smoothstep(screen - (1 - share), -soft, soft) * smoothstep(share, 0.0, 0.08)


def comic(x: Tensor, breadth: float) -> Tensor:
    """Flat bright colours, their shades as dots, thick black lines."""
    x = expose(x, 0.52)
    along = flow(x, 3.0)
    flat = kuwahara(x, 4.0 * breadth, along)
    bright = vivid(flat, 1.75)
    y, a, b = split(bright)
    four = steps(y, 4, 5.0)
    t = tone(flat, 0.5, 0.5)
    light = mix(join(mix(four, y, 0.25) ** 0.72, a, b).clamp(0, 1), colour("fff6dc", x), 0.5 * smoothstep(t, 0.72, 0.92))
    shade = join(mix(four, y, 0.25) * 0.42, a * 0.85, b * 0.85).clamp(0, 1)
    share = smoothstep(t, 0.62, 0.2)
    out = over(light, shade, dots(pattern("screen", x), share))
    detail = tone(x, 0.5, 0.5)
    line = torch.maximum(
        lines(detail, along, 1.5 * breadth, 7.0, 0.42, 0.8), lines(detail, along, 2.8 * breadth, 8.0, 0.5, 0.9)
    )
    black = torch.maximum(line, smoothstep(t, 0.2, 0.13))
    return over(out, colour("0d0c14", x), black)


def anime(x: Tensor, breadth: float) -> Tensor:
    """Cel shading, violet shadows, thin plum lines, light that blooms."""
    x = expose(x, 0.54)
    along = flow(x, 3.0)
    flat = kuwahara(kuwahara(x, 3.5 * breadth, along), 3.0 * breadth, along)
    y, a, b = split(vivid(flat, 1.55, shadow=(0.08, -0.2)))
    y = 0.8 * steps(y, 5, 5.0) + 0.2 * blur(y, 6.0)
    out = join(y**0.88, a, b).clamp(0, 1)
    t = tone(x, 0.4, 0.5)
    line = torch.maximum(0.9 * lines(t, along, 1.1 * breadth, 7.0, 0.5, 0.8), lines(t, along, 1.9 * breadth, 8.0, 0.55, 0.85))
    out = over(out, colour("2a1630", x), line)
    glow = blur(out * smoothstep(luma(out), 0.72, 0.95), 10.0)
    sky = colour("bcd8ff", x) * (0.10 * smoothstep(pattern("down", x), 0.2, -1.0))
    return 1 - (1 - out) * (1 - 0.35 * glow) * (1 - sky)


def pop_art(x: Tensor, breadth: float) -> Tensor:
    """Four flat inks a hue, printed out of register, under a black screen."""
    x = expose(x, 0.52)
    along = flow(x, 3.0)
    flat = kuwahara(x, 6.0 * breadth, along)
    t = tone(flat, 0.6, 0.52)
    _, a, b = split(flat)
    warm = smoothstep(0.8 * a + 0.5 * b, 0.05, 0.14)
    cool = smoothstep(-b - 0.25 * a, 0.04, 0.13)

    def inks(codes: tuple[str, str, str, str]) -> Tensor:
        out = colour(codes[0], x).expand_as(x)
        for code, cut in zip(codes[1:], (0.28, 0.50, 0.72), strict=True):
            out = over(out, colour(code, x), smoothstep(t, cut - 0.025, cut + 0.025))
        return out

    out = inks(("1b1464", "00a6a6", "2fd6c0", "fff04a"))
    out = over(out, inks(("6a0f8e", "ff2e88", "ff8fb8", "ffe45c")), warm)
    out = over(out, inks(("1a1a8c", "2b57ff", "59b8ff", "d8ff5a")), cool)
    out = torch.roll(out, (3, 4), (-2, -1))
    share = smoothstep(t, 0.56, 0.10)
    sharp = tone(x, 0.6, 0.52)
    line = lines(sharp, along, 1.8 * breadth, 8.0, 0.45, 0.85)
    key = torch.maximum(torch.maximum(dots(pattern("screen", x), share), line), smoothstep(t, 0.22, 0.16))
    return over(out, colour("120a1e", x), key)


def engraving(x: Tensor, breadth: float) -> Tensor:
    """A banknote: lines that climb over the forms and swell in the dark."""
    x = expose(x, 0.55)
    t = tone(x, 0.7, 0.56)
    along = flow(x, 3.0)
    wide, near = blur(t, 7.0), blur(t, 2.5)
    at = places(x.shape[-2], x.shape[-1], x.device)
    px, py = at[..., 0].unsqueeze(1), at[..., 1].unsqueeze(1)
    pitch = 4.8 * breadth

    def cut(phase: Tensor, share: Tensor) -> Tensor:
        phase = phase / pitch
        gx, gy = slopes(phase)
        rate = (gx * gx + gy * gy).sqrt().clamp(0.12, 0.45)
        off = (phase - phase.floor() - 0.5).abs()
        return ((share * 0.5 - off) / rate + 0.5).clamp(0, 1) * smoothstep(share, 0.02, 0.1)

    smooth = blur(t, 1.0)
    first = cut(0.97 * py + 0.24 * px + 26 * wide + 4 * near, (1.08 * (0.93 - smooth)).clamp(0, 0.86))
    second = cut(0.80 * px - 0.60 * py - 20 * wide, (1.5 * (0.47 - smooth)).clamp(0, 0.75))
    line = lines(t, along, 1.1, 7.0, 0.5, 1.0)
    ink = 1 - (1 - first) * (1 - 0.9 * second) * (1 - 0.85 * line)
    wave = torch.sin((px + 9 * torch.sin(py / 23)) / 4.1) * torch.sin((py + 9 * torch.sin(px / 19)) / 4.7)
    paper = over(colour("eef0dd", x).expand_as(x), colour("a9cfae", x), 0.35 * smoothstep(wave.abs(), 0.3, 0.1))
    return over(paper, colour("123a33", x), ink)


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
        far = torch.roll(blur(sheet, 3.5), (6, 5), (-2, -1))
        close = torch.roll(blur(sheet, 1.0), (2, 1), (-2, -1))
        out = out * (1 - 0.55 * far) * (1 - 0.2 * close)
        light = (sheet - torch.roll(sheet, (1, 1), (-2, -1))).clamp(0, 1)
        paper = colour(code, x) * (1 + 0.035 * torch.roll(grain, (67 * i, 131 * i), (-2, -1))) + 0.16 * light
        out = over(out, paper, sheet)
    return out
