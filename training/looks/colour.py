"""Colour for looks: luma and two opponent axes, exposure, ramps, palettes. Pictures are float [n, 3, h, w] sRGB in [0, 1]."""

from collections.abc import Sequence
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor


def rgb(code: str) -> tuple[float, float, float]:
    """A colour from its six hexadecimal digits."""
    return int(code[0:2], 16) / 255, int(code[2:4], 16) / 255, int(code[4:6], 16) / 255


@lru_cache(maxsize=256)
def _colours(codes: tuple[str, ...], device: torch.device) -> Tensor:
    return torch.tensor([rgb(code) for code in codes], device=device)


def colour(code: str, like: Tensor) -> Tensor:
    """One colour as [1, 3, 1, 1] on the device of `like`."""
    return _colours((code,), like.device).view(1, 3, 1, 1)


def smoothstep(x: Tensor, low: float, high: float) -> Tensor:
    """0 below low, 1 above high, smooth between; with low above high it falls instead."""
    u = ((x - low) * (1 / (high - low))).clamp(0, 1)
    return u * u * (3 - 2 * u)


def mix(a: Tensor, b: Tensor, part: Tensor | float) -> Tensor:
    return a + (b - a) * part


def luma(x: Tensor) -> Tensor:
    """[n, 1, h, w]: how bright each pixel is."""
    return 0.299 * x[:, 0:1] + 0.587 * x[:, 1:2] + 0.114 * x[:, 2:3]


def split(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Luma, red against green, yellow against blue, each [n, 1, h, w]."""
    r, g, b = x[:, 0:1], x[:, 1:2], x[:, 2:3]
    return luma(x), r - g, 0.5 * (r + g) - b


def join(y: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """The inverse of `split`, not yet held to [0, 1]."""
    green = y - 0.356 * a + 0.114 * b
    return torch.cat([green + a, green, green + 0.5 * a - b], 1)


def gamma(x: Tensor, power: Tensor | float) -> Tensor:
    return x.clamp(min=1e-4) ** power


def towards(y: Tensor, mean: float, low: float, high: float) -> Tensor:
    """The one gamma for each picture that brings its mean to `mean`, held to [low, high]: [n, 1, 1, 1]."""
    now = y.mean((1, 2, 3), keepdim=True).clamp(0.02, 0.98)
    target = torch.log(torch.full_like(now, mean))
    return (target / torch.log(now)).clamp(low, high)


def expose(x: Tensor, mean: float) -> Tensor:
    """The picture with its mean luma brought near `mean`; the only statistic of a whole picture that looks use."""
    return gamma(x, towards(luma(x), mean, 0.6, 1.4))


def vivid(
    x: Tensor, amount: float, shadow: tuple[float, float] = (0.0, 0.0), light: tuple[float, float] = (0.0, 0.0)
) -> Tensor:
    """More chroma; (a, b) added in the shadows and in the lights.

    In the darker half, hues between orange and yellow-green are pulled toward brown first: without it dark skin turns olive. Of
    what shadows are given browns take a quarter, or dark skin would turn mauve.
    """
    y, a, b = split(x)
    skin = smoothstep(a, -0.35 * 0.2, 0.02) * smoothstep(y, 0.62, 0.42) * (b > 0)
    a = a + skin * (0.62 * b - a).clamp(min=0)
    brown = smoothstep(a, 0.02, 0.06) * smoothstep(b, 0.01, 0.05)
    a, b = a * amount, b * amount
    if shadow != (0.0, 0.0):
        dark = smoothstep(y, 0.5, 0.05) * (1 - 0.75 * brown)
        a, b = a + shadow[0] * dark, b + shadow[1] * dark
    if light != (0.0, 0.0):
        bright = smoothstep(y, 0.5, 0.95)
        a, b = a + light[0] * bright, b + light[1] * bright
    return join(y, a, b).clamp(0, 1)


def steps(y: Tensor, count: int, sharp: float = 4.0) -> Tensor:
    """Soft posterisation: `count` steps with smooth edges."""
    z = y * count - 0.5
    low = z.floor()
    part = z - low
    edge = torch.sigmoid((part - 0.5) * (2 * sharp))
    e0 = float(torch.sigmoid(torch.tensor(-sharp)))
    edge = (edge - e0) / (1 - 2 * e0)
    return ((low + edge + 0.5) / count).clamp(0, 1)


def ramp(y: Tensor, *codes: str) -> Tensor:
    """Colour by brightness, dark to light, piecewise linear: [n, 1, h, w] to [n, 3, h, w]."""
    table = _colours(codes, y.device)
    last = len(codes) - 1
    place = y[:, 0].clamp(0, 1) * last
    low = place.floor().clamp(max=last - 1)
    part = (place - low).unsqueeze(1)
    index = low.long()
    planes = [table[:, c][index].unsqueeze(1) for c in range(3)]
    above = [table[:, c][index + 1].unsqueeze(1) for c in range(3)]
    first, second = torch.cat(planes, 1), torch.cat(above, 1)
    return first + (second - first) * part


@lru_cache(maxsize=32)
def _table(codes: tuple[str, ...], temperature: float, device: torch.device) -> Tensor:
    """[1, 3, 33, 33, 33]: where each colour goes in a palette, red innermost."""
    axis = torch.linspace(0, 1, 33, device=device)
    blue, green, red = torch.meshgrid(axis, axis, axis, indexing="ij")
    y, a, b = split(torch.stack([red, green, blue]).view(1, 3, 33, -1))
    palette = _colours(codes, device)
    py, pa, pb = split(palette[:, :, None, None])
    points = torch.cat([1.2 * py, pa, 0.8 * pb], 1).reshape(len(codes), 3)
    here = torch.cat([1.2 * y, a, 0.8 * b], 1).reshape(3, -1).T
    score = 2 * here @ points.T - (points * points).sum(1)
    weight = torch.softmax(score * (temperature * 8), 1)
    return (weight @ palette).T.reshape(1, 3, 33, 33, 33)


def nearest(x: Tensor, codes: Sequence[str], temperature: float = 14.0) -> Tensor:
    """Each pixel pulled to the nearest of a palette; the higher the temperature's number, the harder the choice.

    Distance weighs luma, red-green and yellow-blue; soft, so that noise of the sensor cannot flip a colour. The choice is a
    function of the colour alone, so it is made once for a lattice of colours and read between its points.
    """
    table = _table(tuple(codes), temperature, x.device).expand(x.shape[0], -1, -1, -1, -1)
    grid = (x * 2 - 1).permute(0, 2, 3, 1).unsqueeze(1)
    return F.grid_sample(table, grid, mode="bilinear", padding_mode="border", align_corners=True)[:, :, 0]


def over(ground: Tensor, ink: Tensor, cover: Tensor) -> Tensor:
    """Ink laid over the ground where `cover` is 1."""
    return ground + (ink - ground) * cover
