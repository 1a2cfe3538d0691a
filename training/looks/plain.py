"""Looks that keep the photograph: itself, an old print, a sunset, a snowfall."""

import torch
from torch import Tensor

from training.looks.colour import colour, expose, join, luma, mix, over, ramp, smoothstep, split, vivid
from training.looks.filters import blur, flow, kuwahara, lines, relief, rims, slopes, smear, tone
from training.looks.patterns import pattern, texture


def photo(x: Tensor, breadth: float) -> Tensor:
    """The picture as it is."""
    return x


def sepia(x: Tensor, breadth: float) -> Tensor:
    """A print of a hundred years ago: brown, soft, faded at its edges, scratched and spotted."""
    x = expose(x, 0.52)
    across, down = pattern("across", x), pattern("down", x)
    away = smoothstep(across * across + down * down, 0.5, 1.8)
    t = tone(x, 0.35, 0.52)
    t = mix(blur(t, 0.9), blur(t, 3.0), away)
    t = (t - 0.5) * 1.15 + 0.53
    t = t + 0.045 * pattern("noise", x) * (1 - 0.4 * t) + 0.03 * pattern("paper", x)
    fade = 0.16 * smoothstep(0.55 * pattern("clouds", x) + 1.1 * away, 0.2, 1.6)
    out = ramp(t * (1 - fade) + 0.72 * fade, "1f120a", "4f3420", "8d6a45", "c9a876", "efdcb4", "fbf0d6")
    out = out * (1 - 0.42 * away)
    scratch = smoothstep(texture("hatch", 60.0, x, 88), 2.35, 3.0) + smoothstep(texture("hatch", 34.0, x, 63), 2.9, 3.4)
    dust = smoothstep(texture("noise", 1.3, x), 3.1, 3.6)
    out = over(out, colour("fbf0d6", x), 0.5 * torch.maximum(scratch, dust).clamp(0, 1))
    spots = smoothstep(texture("smooth", 5.0, x), 2.3, 2.9)
    out = over(out, colour("6b4423", x), 0.35 * spots)
    h, w = x.shape[-2:]
    inward = torch.minimum((1 - across.abs()) * (w / 2), (1 - down.abs()) * (h / 2)) - 9 - 1.6 * texture("smooth", 4.0, x)
    border = smoothstep(inward, 0.8, -0.8)
    return over(out * (1 - 0.5 * smoothstep(inward, 5.0, 0.0)), colour("efe2c4", x) * relief(pattern("paper", x), 0.02), border)


def sunset(x: Tensor, breadth: float) -> Tensor:
    """Low light: violet shadows, burning lights, a sun with rays behind everything, haze."""
    x = expose(x, 0.46)
    along = flow(x, 3.0)
    soft = kuwahara(x, 3.0 * breadth, along)
    t = tone(soft, 0.5, 0.44)
    down, across = pattern("down", x), pattern("across", x)
    fire = ramp(t, "120822", "3b1147", "8f2150", "e2483c", "ff8a3c", "ffc56b", "fff0bf")
    y, a, b = split(vivid(soft, 1.3))
    own = join(y, a + 0.08, b + 0.10)
    out = mix(fire, own, 0.26)
    dx, dy = across - 0.42, (down + 0.62)
    r = (dx * dx + dy * dy).sqrt()
    angle = torch.atan2(dy, dx)
    rays = 0.5 + 0.25 * torch.cos(angle * 17) + 0.25 * torch.cos(angle * 29 + 1.7)
    glow = torch.exp(-((r / 0.30) ** 2)) + (0.30 + 0.42 * rays) * torch.exp(-r / 0.75)
    behind = 0.25 + 0.75 * smoothstep(blur(t, 5.0), 0.30, 0.72)
    light = colour("ffb24d", x) * glow * behind
    out = 1 - (1 - out.clamp(0, 1)) * (1 - 0.85 * light.clamp(0, 1))
    sharp = tone(x, 0.5, 0.45)
    out = over(out, colour("1b0a26", x), 0.65 * lines(sharp, along, 1.6 * breadth, 9.0, 0.45, 0.95))
    rim = rims(sharp, along, 1.5 * breadth, 9.0, 0.5, 0.95)
    return over(out, colour("ffdf8f", x), 0.6 * rim * smoothstep(r, 1.8, 0.4))


def winter(x: Tensor, breadth: float) -> Tensor:
    """Snow: cold light, snow that lies on what faces up, flakes near and far, frost from the corners."""
    x = expose(x, 0.56)
    along = flow(x, 3.0)
    soft = kuwahara(x, 2.5 * breadth, along)
    y, a, b = split(soft)
    t = tone(soft, 0.4, 0.56)
    cold = ramp(t, "0b1830", "23446e", "5b86b4", "a9cbe6", "e3f1fa", "ffffff")
    warm = smoothstep(a + 0.6 * b, 0.06, 0.24)
    own = join(y * 0.96 + 0.04, (0.55 + 0.45 * warm) * a - 0.01, (0.5 + 0.45 * warm) * b - 0.045)
    out = mix(own, cold, 0.62 - 0.50 * warm)
    wide = blur(luma(soft), 1.5)
    _, gy = slopes(wide)
    top = smoothstep(smear(gy, along, 6.0) / (0.012 + 1.2 * blur(gy.abs(), 16.0)), 0.45, 1.0)
    lying = top * smoothstep(pattern("paper", x) + 1.6, 0.2, 1.2)
    out = over(out, colour("ffffff", x), 0.85 * lying)
    out = over(out, colour("4c719c", x), 0.55 * lines(t, along, 1.4, 8.0, 0.5, 1.0) * (1 - lying))
    across, down = pattern("across", x), pattern("down", x)
    corner = smoothstep(across.abs() ** 3 + down.abs() ** 3 + 0.18 * pattern("clouds", x), 0.75, 1.7)
    crystals = smoothstep(texture("hatch", 22.0, x, 30), 0.6, 1.6)
    crystals = torch.maximum(crystals, smoothstep(texture("hatch", 22.0, x, 90), 0.6, 1.6))
    crystals = torch.maximum(crystals, smoothstep(texture("hatch", 22.0, x, 150), 0.6, 1.6))
    out = over(out, colour("f4faff", x), corner * (0.45 + 0.5 * crystals))
    far = smoothstep(pattern("paper", x), 1.9, 2.4)
    near = blur(smoothstep(texture("noise", 2.0, x), 2.75, 3.1), 1.0)
    return over(out, colour("ffffff", x), (0.75 * far + 0.9 * near).clamp(0, 1))
