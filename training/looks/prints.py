"""Looks that are printed or drawn flat: comic, anime, pop art, engraving, noir, risograph, blueprint, map."""

import math

import torch
from torch import Tensor

from training.looks.colour import colour, expose, join, luma, mix, over, ramp, smoothstep, split, steps, vivid
from training.looks.draw import bristles
from training.looks.filters import blur, flow, kuwahara, lines, places, relief, rims, sharpen, shift, slopes, tone
from training.looks.patterns import pattern, texture


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
    pale = smoothstep(t, 0.72, 0.92) * smoothstep(a.abs() + b.abs(), 0.3, 0.1)
    light = mix(join(mix(four, y, 0.25) ** 0.85, a, b).clamp(0, 1), colour("fff6dc", x), 0.7 * pale)
    shade = join(mix(four, y, 0.25) * 0.48, a * 0.85, b * 0.85).clamp(0, 1)
    share = smoothstep(t, 0.62, 0.2)
    out = over(light, shade, dots(pattern("screen", x), share))
    detail = tone(x, 0.5, 0.5)
    line = torch.maximum(
        lines(detail, along, 1.5 * breadth, 7.0, 0.42, 0.8), lines(detail, along, 2.8 * breadth, 8.0, 0.5, 0.9)
    )
    # Solid black is for what has no colour: dark skin keeps its own.
    brown = smoothstep(a + 0.5 * b, 0.08, 0.18)
    black = torch.maximum(line, smoothstep(t, 0.2, 0.13) * (1 - 0.75 * brown))
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
    out = shift(out, 3, 4)
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


def noir(x: Tensor, breadth: float) -> Tensor:
    """Hard black and white, hatched half-lights, rain; only a strong red stays."""
    x = expose(x, 0.5)
    along = flow(x, 3.0)
    flat = kuwahara(x, 5.0 * breadth, along)
    t = tone(flat, 0.65, 0.5)
    ragged = 0.03 * bristles(x, along, 10.0)
    white = smoothstep(t + ragged, 0.47, 0.53)
    at = places(x.shape[-2], x.shape[-1], x.device)
    phase = (at[..., 0] * 0.55 - at[..., 1] * 0.835).unsqueeze(1) / 4.6
    off = (phase - phase.floor() - 0.5).abs() * 4.6
    share = smoothstep(t, 0.24, 0.5)
    hatch = (share * 1.9 - off + 0.5).clamp(0, 1) * smoothstep(t, 0.24, 0.32)
    sharp = tone(x, 0.6, 0.5)
    light = torch.maximum(white, hatch)
    light = light * (
        1 - torch.maximum(lines(sharp, along, 1.5 * breadth, 8.0, 0.42, 0.85), lines(sharp, along, 2.6, 8.0, 0.5, 0.9))
    )
    light = torch.maximum(light, rims(sharp, along, 1.4 * breadth, 8.0, 0.55, 1.0) * smoothstep(t, 0.45, 0.2))
    rain = smoothstep(texture("hatch", 22.0, x, 71), 2.3, 3.0)
    light = torch.maximum(light, 0.28 * rain * (1 - light))
    _, a, b = split(flat)
    red = smoothstep(a - 0.75 * b.abs(), 0.16, 0.30)
    out = over(colour("0a0a0c", x).expand_as(x), colour("f3f2ee", x), light)
    return over(out, mix(colour("3a0306", x), colour("d8121f", x), light.clamp(0, 1)), red)


def _coarse(x: Tensor) -> Tensor:
    """An upright halftone screen that repeats every 8 pixels, spread evenly over about [0, 1]."""
    at = places(x.shape[-2], x.shape[-1], x.device) * (2 * math.pi / 8)
    wave = 0.5 * (torch.cos(at[..., 0]) + torch.cos(at[..., 1])).unsqueeze(1)
    return 0.5 + 0.5 * wave.sign() * (1 - (1 - wave.abs()).clamp(min=0) ** 1.8)


def riso(x: Tensor, breadth: float) -> Tensor:
    """A risograph: pink, blue and yellow ink, coarse screens, out of register."""
    x = sharpen(expose(blur(x, 0.9 * breadth), 0.55), 0.9, 4.0)
    t, a, b = split(x)
    warm = smoothstep(a + 0.5 * b, 0.02, 0.35)
    cool = smoothstep(-b, 0.0, 0.25)
    pink = (0.62 * (1 - t) + 0.55 * warm - 0.3 * cool).clamp(0, 1)
    blue = (1.25 * (1 - t) ** 1.35 - 0.5 * warm + 0.3 * cool).clamp(0, 1)
    yellow = smoothstep(b, 0.08, 0.4)
    grain = 1 - 0.16 * smoothstep(pattern("paper", x), 0.5, 1.4)
    out = colour("f6f0e2", x) * (1 - 0.75 * yellow * (1 - colour("ffd640", x)) * grain)
    for ink, amount, screen, move in (("ff4f79", pink, _coarse(x), (-2, 3)), ("1f4f9e", blue, pattern("screen", x), (2, -2))):
        out = out * (1 - dots(screen, shift(amount, *move)) * grain * 0.95 * (1 - colour(ink, x)))
    return out


def blueprint(x: Tensor, breadth: float) -> Tensor:
    """White lines and hatching on blue drawing paper, over a grid."""
    x = expose(x, 0.52)
    along = flow(x, 3.0)
    t = tone(kuwahara(x, 5.0 * breadth, along), 0.6, 0.48)
    out = ramp(mix(steps(t, 4, 5.0), t, 0.3), "0a2350", "14489a", "3d82cf")
    at = places(x.shape[-2], x.shape[-1], x.device)
    px, py = at[..., 0].unsqueeze(1), at[..., 1].unsqueeze(1)
    small = torch.maximum((px % 16 < 1).float(), (py % 16 < 1).float())
    big = torch.maximum((px % 64 < 1.5).float(), (py % 64 < 1.5).float())
    out = out + 0.06 * small + 0.10 * big
    sharp = tone(x, 0.6, 0.5)
    line = torch.maximum(lines(sharp, along, 1.0 * breadth, 9.0, 0.4, 0.85), lines(sharp, along, 1.9 * breadth, 12.0, 0.5, 0.9))

    def hatch(sign: float, low: float) -> Tensor:
        phase = (px + sign * py) / 9.0
        off = (phase - phase.floor() - 0.5).abs() * 6.4
        return smoothstep(off, 1.0, 0.3) * smoothstep(t, low, low + 0.1)

    broken = 0.75 + 0.25 * smoothstep(pattern("paper", x), -0.8, 0.4)
    ink = torch.maximum(0.95 * line, 0.5 * torch.maximum(hatch(1.0, 0.52), hatch(-1.0, 0.72))) * broken
    return over(out * (1 + 0.02 * pattern("paper", x)), colour("eef6ff", x), ink)


def contour_map(x: Tensor, breadth: float) -> Tensor:
    """The picture as a landscape: coloured heights, hill shading, brown contour lines."""
    x = expose(x, 0.52)
    along = flow(x, 4.0)
    flat = kuwahara(x, 4.0 * breadth, along)
    t = tone(flat, 0.5, 0.5)
    hill = blur(t, 2.2 * breadth)
    levels = 15 / breadth
    out = ramp(steps(hill, round(levels), 4.0), "0f3b52", "1f6a78", "5b9a86", "a3bf86", "d9cf94", "eac48c", "f3dfbd", "fffaf0")
    out = out * mix(torch.ones_like(t), relief(blur(t, 1.2), 9.0), 0.5)
    gx, gy = slopes(hill)
    slope = (gx * gx + gy * gy).sqrt()
    phase = hill * levels
    off = (phase - phase.round()).abs() / (slope * levels + 1e-3)
    index = phase.round()
    fourth = (index - 4 * (index / 4).round()).abs() < 0.5
    width = torch.where(fourth, 0.95, 0.6)
    line = (width - off + 0.5).clamp(0, 1) * smoothstep(slope, 0.004, 0.012)
    out = over(out, colour("4a2a16", x), 0.8 * line)
    out = over(out, colour("33261c", x), 0.85 * lines(tone(x, 0.5, 0.5), along, 1.3 * breadth, 8.0, 0.45, 0.95))
    at = places(x.shape[-2], x.shape[-1], x.device)
    grid = torch.maximum((at[..., 0] % 128 < 1).float(), (at[..., 1] % 128 < 1).float()).unsqueeze(1)
    return over(out * relief(pattern("paper", x), 0.015), colour("24506a", x), 0.35 * grid)
