"""What every look is made of: blur, the flow of the forms, smearing along it, Kuwahara's filter, contour lines, relief.

Planes are float [n, c, h, w]. Nothing here looks at earlier frames, and every decision is a soft threshold of something
blurred, so that a look holds still when the picture does.
"""

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from training.looks.colour import luma, smoothstep, towards


@lru_cache(maxsize=512)
def _shrink(size: int, sigma: float, factor: int, device: torch.device) -> Tensor:
    """[size / factor, size]: Gaussian means around the middles of `factor` pixels, edges repeated."""
    reach = math.ceil(3 * sigma) + factor
    taps = torch.arange(-reach, size + reach, dtype=torch.float64)
    middles = (torch.arange(size // factor, dtype=torch.float64) + 0.5) * factor - 0.5
    weight = torch.exp(-0.5 * ((taps[None] - middles[:, None]) / sigma) ** 2)
    weight = weight / weight.sum(1, keepdim=True)
    inner = weight[:, reach : reach + size].clone()
    inner[:, 0] += weight[:, :reach].sum(1)
    inner[:, -1] += weight[:, reach + size :].sum(1)
    return inner.float().to(device)


@lru_cache(maxsize=256)
def _grow(size: int, factor: int, device: torch.device) -> Tensor:
    """[size, size / factor]: linear interpolation between the middles of `factor` pixels, edges repeated."""
    count = size // factor
    place = ((torch.arange(size, dtype=torch.float64) + 0.5) / factor - 0.5).clamp(0, count - 1)
    weight = (1 - (place[:, None] - torch.arange(count, dtype=torch.float64)[None]).abs()).clamp(min=0)
    return weight.float().to(device)


def _factor(sigma: float, size: int) -> int:
    factor = 1
    while factor * 2 <= sigma and size % (factor * 2) == 0 and size // (factor * 2) >= 8:
        factor *= 2
    return factor


def blur(x: Tensor, sigma: float) -> Tensor:
    """A Gaussian of `sigma` pixels. Wide ones pass through a smaller grid, as two products of matrices, whose cost hardly
    grows.
    """
    if sigma < 2:
        return _blur_near(x, sigma)
    h, w = x.shape[-2:]
    fy, fx = _factor(sigma, h), _factor(sigma, w)
    down_y = _shrink(h, math.sqrt(max(sigma**2 - (fy**2 - 1) / 6, 0.3)), fy, x.device)
    down_x = _shrink(w, math.sqrt(max(sigma**2 - (fx**2 - 1) / 6, 0.3)), fx, x.device)
    small = down_y @ (x @ down_x.T)
    if fy > 1:
        small = _grow(h, fy, x.device) @ small
    return small @ _grow(w, fx, x.device).T if fx > 1 else small


def _blur_near(x: Tensor, sigma: float) -> Tensor:
    if sigma < 0.25:
        return x
    reach = max(1, round(2.6 * sigma))
    weights = [math.exp(-0.5 * (i / sigma) ** 2) for i in range(reach + 1)]
    total = weights[0] + 2 * sum(weights[1:])
    weights = [value / total for value in weights]
    for axis in (-1, -2):
        size = x.shape[axis]
        pad = (reach, reach, 0, 0) if axis == -1 else (0, 0, reach, reach)
        wide = F.pad(x, pad, mode="replicate")
        out = wide.narrow(axis, reach, size) * weights[0]
        for i in range(1, reach + 1):
            out.add_(wide.narrow(axis, reach - i, size), alpha=weights[i])
            out.add_(wide.narrow(axis, reach + i, size), alpha=weights[i])
        x = out
    return x


def shrink(x: Tensor, factor: int) -> Tensor:
    """Means of `factor` x `factor` pixels."""
    n, c, h, w = x.shape
    return x.view(n, c, h // factor, factor, w // factor, factor).mean((3, 5))


def grow(x: Tensor, factor: int) -> Tensor:
    """Each pixel as `factor` x `factor` equal ones."""
    return x.repeat_interleave(factor, -1).repeat_interleave(factor, -2)


def shift(x: Tensor, down: int, right: int) -> Tensor:
    """x moved by whole pixels; what comes in is the edge repeated."""
    h, w = x.shape[-2:]
    wide = F.pad(x, (max(right, 0), max(-right, 0), max(down, 0), max(-down, 0)), mode="replicate")
    return wide[..., max(-down, 0) : max(-down, 0) + h, max(-right, 0) : max(-right, 0) + w]


def slopes(x: Tensor) -> tuple[Tensor, Tensor]:
    """Half differences across and down, per pixel."""
    p = F.pad(x, (1, 1, 1, 1), mode="replicate")
    return 0.5 * (p[..., 1:-1, 2:] - p[..., 1:-1, :-2]), 0.5 * (p[..., 2:, 1:-1] - p[..., :-2, 1:-1])


@lru_cache(maxsize=32)
def places(h: int, w: int, device: torch.device) -> Tensor:
    """[1, h, w, 2]: each pixel's own x and y, in pixels."""
    y, x = torch.meshgrid(
        torch.arange(h, dtype=torch.float32, device=device), torch.arange(w, dtype=torch.float32, device=device), indexing="ij"
    )
    return torch.stack([x, y], -1)[None]


@lru_cache(maxsize=32)
def _grid(h: int, w: int, device: torch.device) -> Tensor:
    """[1, h, w, 2]: each pixel's own place as `grid_sample` counts, from -1 to 1."""
    at = places(h, w, device)
    return torch.stack([at[..., 0] * (2 / (w - 1)) - 1, at[..., 1] * (2 / (h - 1)) - 1], -1)


def _way(dx: Tensor, dy: Tensor) -> Tensor:
    """Ways in pixels, both [n, 1, h, w], as `grid_sample` counts: [n, h, w, 2]."""
    h, w = dx.shape[-2:]
    return torch.stack([dx[:, 0] * (2 / (w - 1)), dy[:, 0] * (2 / (h - 1))], -1)


def _sample(x: Tensor, grid: Tensor, smooth: bool = False) -> Tensor:
    n = max(x.shape[0], grid.shape[0])
    return F.grid_sample(
        x.expand(n, -1, -1, -1),
        grid.expand(n, -1, -1, -1),
        mode="bilinear" if smooth else "nearest",
        padding_mode="border",
        align_corners=True,
    )


def look_up(x: Tensor, dx: Tensor, dy: Tensor, smooth: bool = False) -> Tensor:
    """x at (dx, dy) pixels from each pixel, both [n or 1, 1, h, w]; beyond the edge is the edge."""
    return _sample(x, _grid(*x.shape[-2:], x.device) + _way(dx, dy), smooth)


@dataclass
class Flow:
    """The way the forms run: unit direction (x, y), how sure it is in [0, 1], and how much detail there is in [0, 1]."""

    x: Tensor
    y: Tensor
    sure: Tensor
    detail: Tensor

    @cached_property
    def way(self) -> Tensor:
        """The direction as `grid_sample` counts, [n, h, w, 2]."""
        return _way(self.x, self.y)


def flow(x: Tensor, sigma: float, bend: Tensor | None = None) -> Flow:
    """The minor eigenvector of the structure tensor, smoothed by `sigma` and faintly by wider ones.

    Flat areas take their direction from `bend` ([1, 2, h, w]: twice the angle, as cosine and sine) so that the noise of a
    sensor does not choose it; without one they take a slant.
    """
    h, w = x.shape[-2:]
    small = _blur_near(shrink(x, 2), 0.5)
    gx, gy = slopes(small)
    tensor = torch.cat([(gx * gx).sum(1, keepdim=True), (gy * gy).sum(1, keepdim=True), (gx * gy).sum(1, keepdim=True)], 1)
    near = blur(tensor, max(sigma / 2, 0.6))
    tensor = near + 0.25 * blur(tensor, 6.0) + 0.12 * blur(tensor, 12.0)
    energy = near[:, 0:1] + near[:, 1:2]
    up = torch.cat([tensor[:, 0:1] - tensor[:, 1:2], 2 * tensor[:, 2:3], tensor[:, 0:1] + tensor[:, 1:2], energy], 1)
    up = _grow(h, 2, x.device) @ up @ _grow(w, 2, x.device).T
    c, s, total, near = up[:, 0:1], up[:, 1:2], up[:, 2:3], up[:, 3:4]
    steady = 4e-4
    if bend is None:
        c, s = c + steady * 0.3, s + steady
    else:
        c, s = c + steady * bend[:, 0:1], s + steady * bend[:, 1:2]
    length = (c * c + s * s).sqrt().clamp(min=1e-9)
    cosine = (c / length).clamp(-1, 1)
    # Along the flow is across the gradient: the gradient's angle and a quarter turn.
    vy = ((1 + cosine) * 0.5).sqrt()
    vx = -((1 - cosine) * 0.5).sqrt() * torch.where(s < 0, -1.0, 1.0)
    sure = (length - steady).clamp(min=0) / (total + 8e-4)
    detail = smoothstep(near.clamp(min=0).sqrt(), 0.02, 0.09)
    return Flow(vx, vy, sure.clamp(0, 1), detail)


def smear(x: Tensor, along: Flow, length: float) -> Tensor:
    """Line integral convolution, some `length` pixels each way: steps that double, so a long line costs a few look-ups.

    Each pass averages what lies a step before and behind along the flow; what lies there is already smeared along its own flow,
    so the whole follows curves. `x` may be one fixed pattern for the whole batch.
    """
    here = _grid(*x.shape[-2:], x.device)
    step = 1.0
    span = 0.0
    while span + 0.5 < length:
        step = min(step, max(length - span, 1.0))
        ahead, behind = torch.add(here, along.way, alpha=step), torch.sub(here, along.way, alpha=step)
        x = 0.28 * (_sample(x, ahead) + _sample(x, behind)) + 0.44 * x
        span += step
        step *= 1.7
    return x


def contrast(x: Tensor, sigma: float, floor: float) -> Tensor:
    """x divided by its own local mean size: an even strength whatever the light."""
    return x / (blur(x.abs(), sigma) + floor)


def kuwahara(x: Tensor, radius: float, along: Flow) -> Tensor:
    """An anisotropic Kuwahara filter: each pixel takes the calmest of eight means around it, on an ellipse that lies along the
    flow.
    """
    y = luma(x)
    sigma = 0.45 * radius
    mean = blur(torch.cat([x, y * y], 1), sigma)
    m = luma(mean[:, :3])
    stack = torch.cat([mean[:, :3], (mean[:, 3:4] - m * m).clamp(min=0)], 1)
    long, short = 0.85 * radius * (1 + 0.7 * along.sure), 0.85 * radius / (1 + 0.7 * along.sure)
    ahead, aside = _way(long * along.x, long * along.y), _way(-short * along.y, short * along.x)
    here = _grid(*x.shape[-2:], x.device)
    top = torch.zeros_like(x)
    total = torch.full_like(y, 1e-30)
    for i in range(4):
        c, s = math.cos(i * math.pi / 4), math.sin(i * math.pi / 4)
        way = torch.add(c * ahead, aside, alpha=s)
        for grid in (here + way, here - way):
            there = _sample(stack, grid)
            calm = torch.reciprocal(there[:, 3:4] * 6e3 + 1)
            weight = calm * calm * calm
            top.addcmul_(there[:, :3], weight)
            total += weight
    return top / total


def tone(x: Tensor, local: float, mean: float, sigma: float = 24.0) -> Tensor:
    """Luma, its mean brought near `mean`, with more local contrast."""
    y = luma(x)
    y = y.clamp(min=1e-4) ** towards(y, mean, 0.55, 1.6)
    return (y + local * (y - blur(y, sigma))).clamp(0, 1) if local else y


def lines(
    y: Tensor, along: Flow, width: float, length: float, low: float = 0.4, high: float = 0.95, floor: float = 0.012
) -> Tensor:
    """Dark contour lines, 1 in a line and 0 elsewhere, smoothed along the flow (flow-based difference of Gaussians)."""
    near = blur(y, width)
    d = blur(y, width * 1.6) - near
    d = d / (1.25 * blur(d.abs(), 20.0) + floor)
    return smoothstep(smear(d, along, length), low, high)


def rims(
    y: Tensor, along: Flow, width: float, length: float, low: float = 0.4, high: float = 0.95, floor: float = 0.012
) -> Tensor:
    """The light side of edges: as `lines`, of the negative."""
    return lines(-y, along, width, length, low, high, floor)


def relief(height: Tensor, amount: float) -> Tensor:
    """How a raised surface catches light from the upper left: 1 where flat, [n, 1, h, w]."""
    gx, gy = slopes(height)
    gx, gy = gx * amount, gy * amount
    return (1.4 + gx + gy) * (1 / 1.4) * torch.rsqrt(1 + gx * gx + gy * gy)


def sharpen(x: Tensor, amount: float, sigma: float) -> Tensor:
    return (x + amount * (x - blur(x, sigma))).clamp(0, 1)
