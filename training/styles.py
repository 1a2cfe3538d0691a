"""Styles as pure functions on pictures: float [n, 3, h, w] in [0, 1] to the same."""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

Style = Callable[[Tensor], Tensor]


def _luma(x: Tensor) -> Tensor:
    return (x[:, 0:1] * 0.299) + (x[:, 1:2] * 0.587) + (x[:, 2:3] * 0.114)


def _mean(x: Tensor, width: int) -> Tensor:
    """Mean over width x width windows, unpadded; in two passes, which is many times faster than one."""
    return F.avg_pool2d(F.avg_pool2d(x, (1, width), stride=1), (width, 1), stride=1)


def _box_blur(x: Tensor, width: int) -> Tensor:
    pad = width // 2
    return _mean(F.pad(x, (pad, width - 1 - pad) * 2, mode="replicate"), width)


def _blur(x: Tensor, width: int) -> Tensor:
    return _box_blur(_box_blur(x, width), width)


def _saturate(x: Tensor, amount: float) -> Tensor:
    grey = _luma(x)
    return (grey + (x - grey) * amount).clamp(0, 1)


def _gradients(grey: Tensor) -> tuple[Tensor, Tensor]:
    p = F.pad(grey, (1, 1, 1, 1), mode="replicate")
    return (p[..., 1:-1, 2:] - p[..., 1:-1, :-2]), (p[..., 2:, 1:-1] - p[..., :-2, 1:-1])


def _edges(x: Tensor, width: int = 3) -> Tensor:
    """Edge strength [n, 1, h, w] in [0, 1], over all three colours, lines about `width` wide."""
    gx, gy = _gradients(_blur(x, width))
    return ((gx * gx + gy * gy).sum(1, keepdim=True).sqrt() * 4.0).clamp(0, 1)


def _kuwahara(x: Tensor, radius: int) -> Tensor:
    """The Kuwahara filter: each pixel takes the mean of its calmest quadrant."""
    grey = _luma(x)
    width = radius + 1
    pad = (radius,) * 4
    mean = _mean(F.pad(x, pad, mode="replicate"), width)
    g = F.pad(grey, pad, mode="replicate")
    spread = _mean(g * g, width) - _mean(g, width) ** 2
    h, w = x.shape[-2:]
    best, out = None, mean[..., :h, :w]
    for oy in (0, radius):
        for ox in (0, radius):
            s = spread[..., oy : oy + h, ox : ox + w]
            if best is None:
                best = s
                continue
            calmer = s < best
            out = torch.where(calmer, mean[..., oy : oy + h, ox : ox + w], out)
            best = torch.where(calmer, s, best)
    return out


def _gradient_map(grey: Tensor, stops: Sequence[tuple[float, float, float]]) -> Tensor:
    """Colour by brightness: piecewise linear through `stops`, dark to light."""
    table = torch.tensor(stops)
    place = grey.clamp(0, 1) * (len(stops) - 1)
    low = place.floor().clamp(max=len(stops) - 2).long()
    part = place - low
    colour = table[low[:, 0]] * (1 - part[:, 0, ..., None]) + table[low[:, 0] + 1] * part[:, 0, ..., None]
    return colour.permute(0, 3, 1, 2)


def _vignette(x: Tensor, amount: float) -> Tensor:
    h, w = x.shape[-2:]
    y = torch.linspace(-1, 1, h)[:, None]
    z = torch.linspace(-1, 1, w)[None, :]
    return x * (1 - amount * 0.5 * (y * y + z * z))


def _curve(x: Tensor, slope: float, middle: float = 0.5) -> Tensor:
    return torch.sigmoid((x - middle) * slope)


def _lines(grey: Tensor, fine: int, coarse: int, slope: float) -> Tensor:
    """Ink lines, 1 on paper and 0 in a line, by a difference of blurs (XDoG, Winnemoeller 2012)."""
    d = _blur(grey, fine) - 0.97 * _blur(grey, coarse)
    return torch.where(d > 0, torch.ones_like(d), 1 + torch.tanh(slope * d))


def photo(x: Tensor) -> Tensor:
    return x


def watercolor(x: Tensor) -> Tensor:
    wash = _blur(_kuwahara(x, 7), 3)
    wash = _saturate(wash, 1.35) * 0.72 + 0.28
    return (wash * (1 - 0.35 * _edges(wash, 3))).clamp(0, 1)


def oil(x: Tensor) -> Tensor:
    strokes = _saturate(_kuwahara(_kuwahara(x, 8), 5), 1.5)
    gx, gy = _gradients(_blur(_luma(strokes), 3))
    return (_curve(strokes, 5.0) * 1.05 - 0.02 + 1.2 * (gx + gy)).clamp(0, 1)


def sketch(x: Tensor) -> Tensor:
    grey = _luma(_blur(x, 2))
    dodge = ((grey + 0.06) / (_blur(grey, 13) + 0.06)).clamp(0, 1)
    line = ((dodge - 0.62) / 0.36).clamp(0, 1) * (1 - 0.75 * _edges(x, 3))
    line = line * (0.74 + 0.26 * _blur(grey, 5))
    return line * torch.tensor([0.98, 0.96, 0.91])[None, :, None, None] + 0.02


def ink(x: Tensor) -> Tensor:
    grey = _luma(_blur(x, 3))
    fill = _curve(_blur(grey, 5), 30.0, 0.27)
    line = _lines(grey, 3, 9, 45.0) * (1 - _edges(x, 3)).clamp(0, 1)
    return (line * fill).expand_as(x) * 0.95 + 0.03


def comic(x: Tensor) -> Tensor:
    flat = _kuwahara(x, 6)
    flat = _saturate((flat * 4).round() / 4, 1.7)
    return (flat * (1 - 1.3 * _edges(_kuwahara(x, 4), 3)).clamp(0, 1) * 0.95 + 0.05).clamp(0, 1)


def neon(x: Tensor) -> Tensor:
    edge = _edges(x, 4)
    hue = _saturate(_blur(x, 7), 2.5)
    hue = hue / hue.amax(1, keepdim=True).clamp(min=0.15)
    dark = x * torch.tensor([0.16, 0.10, 0.30])[None, :, None, None] + torch.tensor([0.02, 0.0, 0.07])[None, :, None, None]
    light = edge * (0.35 + 0.85 * hue)
    return (dark + 1.2 * light + 1.3 * _blur(light, 15)).clamp(0, 1)


def _blocks(x: Tensor, side: int) -> Tensor:
    return F.interpolate(F.avg_pool2d(x, side), scale_factor=side, mode="nearest")


def pixel_art(x: Tensor) -> Tensor:
    return (_saturate(_blocks(x, 8), 1.5) * 5).round() / 5


def mosaic(x: Tensor) -> Tensor:
    tiles = _saturate(_blocks(x, 16), 1.7) * 0.9 + 0.06
    h, w = x.shape[-2:]
    row, column = torch.arange(h) % 16, torch.arange(w) % 16
    grout = ((row < 2) | (row > 13))[:, None] | ((column < 2) | (column > 13))[None, :]
    slope = 0.12 * (7.5 - row)[:, None] / 7.5 + 0.12 * (7.5 - column)[None, :] / 7.5
    return torch.where(grout, tiles * 0.25 + 0.05, (tiles * (1 + slope)).clamp(0, 1))


def blueprint(x: Tensor) -> Tensor:
    h, w = x.shape[-2:]
    grid = ((torch.arange(h) % 32 < 2)[:, None] | (torch.arange(w) % 32 < 2)[None, :]) * 0.12
    line = (1.5 * _edges(x, 3) + grid + 0.12 * _luma(x)).clamp(0, 1)
    return _gradient_map(line, [(0.03, 0.14, 0.42), (0.45, 0.60, 0.85), (0.95, 0.97, 1.0)])


def sepia(x: Tensor) -> Tensor:
    tone = _gradient_map(_luma(x), [(0.16, 0.09, 0.04), (0.62, 0.46, 0.28), (1.0, 0.93, 0.78)])
    return _vignette(tone, 0.45)


def noir(x: Tensor) -> Tensor:
    return _vignette(_curve(_luma(x), 9.0, 0.45).expand_as(x), 0.5)


def pop_art(x: Tensor) -> Tensor:
    level = (_luma(_kuwahara(x, 5)) * 4).round() / 4
    return _gradient_map(
        level, [(0.16, 0.03, 0.42), (0.85, 0.05, 0.50), (1.0, 0.42, 0.12), (1.0, 0.87, 0.10), (0.55, 0.98, 0.90)]
    )


def thermal(x: Tensor) -> Tensor:
    return _gradient_map(
        _blur(_luma(x), 3), [(0.02, 0.0, 0.2), (0.35, 0.0, 0.6), (0.9, 0.15, 0.3), (1.0, 0.65, 0.0), (1.0, 1.0, 0.75)]
    )


def sunset(x: Tensor) -> Tensor:
    tone = _gradient_map(_luma(x), [(0.16, 0.05, 0.26), (0.85, 0.30, 0.25), (1.0, 0.66, 0.30), (1.0, 0.93, 0.70)])
    return 0.72 * tone + 0.28 * _saturate(x, 1.2)


def winter(x: Tensor) -> Tensor:
    tone = _gradient_map(_luma(x), [(0.08, 0.16, 0.34), (0.45, 0.63, 0.82), (0.82, 0.92, 0.98), (1.0, 1.0, 1.0)])
    return (0.72 * tone + 0.28 * _saturate(x, 0.7)).clamp(0, 1)


FILTERS: dict[str, Style] = {
    "photo": photo,
    "watercolor": watercolor,
    "oil painting": oil,
    "pencil sketch": sketch,
    "ink": ink,
    "comic": comic,
    "neon": neon,
    "pixel art": pixel_art,
    "mosaic": mosaic,
    "blueprint": blueprint,
    "sepia": sepia,
    "noir": noir,
    "pop art": pop_art,
    "thermal": thermal,
    "sunset": sunset,
    "winter": winter,
}
