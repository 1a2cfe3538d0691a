"""Looks of light and matter: neon."""

import torch
from torch import Tensor

from training.looks.colour import colour, expose, luma, mix, over, ramp, smoothstep, split, steps, vivid
from training.looks.filters import blur, flow, kuwahara, lines, look_up, places, rims, shift, slopes, tone
from training.looks.patterns import pattern, texture


def neon(x: Tensor, breadth: float) -> Tensor:
    """Glass tubes along the contours, over a violet night in which faces still show."""
    x = expose(x, 0.5)
    along = flow(x, 3.0)
    flat = kuwahara(x, 4.0 * breadth, along)
    t = tone(flat, 0.5, 0.46)
    base = ramp(mix(t, steps(t, 6, 4.0), 0.6), "05030f", "180b44", "47188a", "a8329e", "f58ab0") * 0.82
    tube = lines(tone(x, 0.6, 0.5), along, 1.5 * breadth, 10.0, 0.45, 0.9)
    wave = texture("smooth", 60.0, x)
    _, a, b = split(blur(x, 4.0))
    hue = 0.5 * wave + 4.0 * (a + 0.6 * b)
    tint = mix(colour("00e5ff", x), colour("ff2bd6", x), smoothstep(hue, -0.35, 0.35))
    tint = mix(tint, colour("ffd23f", x), smoothstep(hue, 0.75, 1.25))
    lit = tube * tint
    glow = 0.9 * blur(lit, 2.0) + 0.75 * blur(lit, 6.0) + 0.8 * blur(lit, 16.0)
    core = smoothstep(tube, 0.55, 1.0)
    return base * (1 - 0.6 * tube) + glow + 0.75 * core * mix(tint, torch.ones_like(tint), 0.6)


def synthwave(x: Tensor, breadth: float) -> Tensor:
    """A sunset of the eighties: slats in the lights, a glowing grid in the darks, magenta edges."""
    x = expose(x, 0.5)
    along = flow(x, 3.0)
    flat = kuwahara(x, 4.0 * breadth, along)
    t = tone(flat, 0.6, 0.5)
    out = ramp(mix(t, steps(t, 7, 4.0), 0.65), "0c0524", "2b0b57", "7a1a8c", "e8348f", "ff7a59", "ffc65c", "fff3b8")
    at = places(x.shape[-2], x.shape[-1], x.device)
    px, py = at[..., 0].unsqueeze(1), at[..., 1].unsqueeze(1)
    down = 0.5 + 0.5 * pattern("down", x)
    slat = smoothstep((py % 8 - 3.5).abs(), 2.0, 0.9)
    out = out * (1 - 0.5 * slat * smoothstep(t, 0.50, 0.66) * (0.35 + 0.65 * down))
    dx, dy = (px % 32 - 16).abs(), (py % 32 - 16).abs()
    near = torch.minimum(16 - dx, 16 - dy)
    grid = smoothstep(near, 1.5, 0.3) + 0.45 * smoothstep(near, 6.0, 0.5)
    out = out + colour("16d9ff", x) * grid * smoothstep(t, 0.30, 0.12) * 0.8
    sharp = tone(x, 0.6, 0.5)
    out = over(out, colour("140733", x), 0.85 * lines(sharp, along, 1.3 * breadth, 8.0, 0.45, 0.9))
    rim = rims(sharp, along, 1.5 * breadth, 9.0, 0.5, 0.95)
    out = out + 0.75 * shift(rim, 0, -2) * colour("00e5ff", x) * 0.7
    out = over(out, colour("ff4fd8", x), 0.8 * rim)
    bright = out * smoothstep(luma(out), 0.5, 0.9)
    out = out + 0.45 * blur(bright, 8.0)
    return out * (1 - 0.12 * (py % 2))


def gold(x: Tensor, breadth: float) -> Tensor:
    """A relief beaten from gold leaf."""
    x = expose(x, 0.5)
    along = flow(x, 3.0)
    b = blur(kuwahara(x, 4.0 * breadth, along), 0.8)
    t = tone(b, 0.4, 0.5)
    height = (
        1.6 * (blur(t, 1.5) - 0.55 * blur(t, 26.0)) + 0.9 * (blur(t, 1.2) - blur(t, 7.0)) + 0.5 * (blur(t, 1.0) - blur(t, 3.0))
    )
    flat = 1 - along.detail
    height = height + 0.022 * texture("smooth", 8.0, x) * (0.3 + 0.7 * flat) + 0.004 * pattern("paper", x)
    gx, gy = slopes(height)
    gx, gy = 15 * gx, 15 * gy
    scale = torch.rsqrt(1 + gx * gx + gy * gy)
    shade = (0.72 + 0.5 * gx + 0.58 * gy) * scale
    out = ramp(shade * 0.72 + 0.12 * t, "1c0d03", "5a3208", "b27a1c", "e9bb4b", "ffe9a0", "fffbe6")
    half = ((0.30 * gx + 0.36 * gy + 0.88) * scale).clamp(0, 1)
    out = out + 0.75 * half**26 * colour("fff3c4", x)
    back = ((-0.55 * gx - 0.5 * gy - 0.1) * scale).clamp(0, 1)
    out = out + 0.35 * back * colour("ff8a2a", x)
    return out * (1 - 0.35 * lines(t, along, 2.0, 8.0, 0.5, 1.0))


def fluted_glass(x: Tensor, breadth: float) -> Tensor:
    """Seen through reeded glass: every rib a lens."""
    x = vivid(expose(x, 0.52), 1.25)
    side = 16 if breadth < 1.5 else 32
    at = places(x.shape[-2], x.shape[-1], x.device)
    px = at[..., 0].unsqueeze(1)
    u = (px % side + 0.5) / side - 0.5
    middle = px - u * side
    to = middle + side * (1.75 * u + 4.8 * u**3) - px
    zero = torch.zeros_like(to)
    soft = blur(x, 0.8)
    out = torch.cat(
        [
            look_up(soft[:, 0:1], to - 0.9, zero, True),
            look_up(soft[:, 1:2], to, zero, True),
            look_up(soft[:, 2:3], to + 0.9, zero, True),
        ],
        1,
    )
    rib = 1 - 0.62 * smoothstep(u.abs(), 0.34, 0.5)
    glint = 0.30 * torch.exp(-(((u + 0.26) / 0.055) ** 2)) + 0.14 * torch.exp(-(((u - 0.31) / 0.04) ** 2))
    behind = blur(x, 10.0)
    return out * rib + glint * (0.25 + 0.75 * behind)


def thermal(x: Tensor, breadth: float) -> Tensor:
    """A thermal camera: iron colours, isotherms, a soft halo, the lines of its sensor."""
    x = expose(x, 0.48)
    along = flow(x, 4.0)
    r = x[:, 0:1] * 0.55 + x[:, 1:2] * 0.35 + x[:, 2:3] * 0.10
    t = tone(kuwahara(r.expand(-1, 3, -1, -1), 4.0 * breadth, along), 0.6, 0.46)
    t = blur(t, 1.3) + 0.4 * (blur(t, 1.3) - blur(t, 8.0))
    banded = mix(t, steps(t.clamp(0, 1), 12, 5.0), 0.65)
    out = ramp(banded, "05041a", "1b0a52", "5b0f86", "a3177f", "dc3a4e", "f6771f", "fdbb2d", "fff3a0", "ffffff")
    gx, gy = slopes(t)
    phase = t * 12 - 0.5
    off = (phase - phase.round()).abs() / ((gx * gx + gy * gy).sqrt() * 12 + 2e-3)
    line = (0.7 - off + 0.5).clamp(0, 1) * smoothstep((gx * gx + gy * gy).sqrt(), 0.003, 0.009)
    out = out * (1 - 0.28 * line)
    bright = smoothstep(t, 0.66, 0.95)
    out = out + 0.35 * blur(bright, 10.0) * colour("ff7a2a", x)
    at = places(x.shape[-2], x.shape[-1], x.device)
    px, py = at[..., 0].unsqueeze(1), at[..., 1].unsqueeze(1)
    sensor = torch.where((px % 4 < 1) | (py % 4 < 1), 0.86, 1.03)
    return out * sensor
