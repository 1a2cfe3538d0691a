"""Each student's loop as its authors' code, or the diffusers scheduler that they use, writes it."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from .levels import SIM_SIGMA, SIM_TIME, STABLE_DIFFUSION

Net = Callable[[Tensor, float], Tensor]
"""The network of one job: input and time to output."""
Noises = Callable[[int], Tensor]
"""The noise before step 0, and the fresh noise before each later step."""


@dataclass(frozen=True)
class Seen:
    """One step: what the network saw and was told, and where the step landed, before any noise is added again.

    `landed` is on the scale of the network's input.
    """

    x: Tensor
    t: float
    landed: Tensor


Loop = Callable[[Net, Tensor | None, Noises, tuple[float, ...]], Iterator[Seen]]
"""A network, the latents of img2img's picture, noises and times to its steps; the last one lands on the result."""


def _acp(t: float) -> float:
    return float(STABLE_DIFFUSION[int(t)])


def _noised(picture: Tensor | None, z: Tensor, acp: float) -> Tensor:
    return z if picture is None else acp**0.5 * picture + (1 - acp) ** 0.5 * z


def once(net: Net, picture: Tensor | None, z: Noises, times: tuple[float, ...], acp: float) -> Iterator[Seen]:
    """SwiftBrush's infer.py: x0 = (z - sigma eps) / alpha."""
    (t,) = times
    x = z(0)
    yield Seen(x, t, (x - (1 - acp) ** 0.5 * net(x, t)) / acp**0.5)


def translated(net: Net, picture: Tensor | None, z: Noises, times: tuple[float, ...], r: float = 1.0) -> Iterator[Seen]:
    """img2img-turbo's pix2pix_turbo.py: the picture in the place of noise, or so much of it beside noise."""
    assert picture is not None
    (t,) = times
    x = picture * r + z(0) * (1 - r)
    yield Seen(x, t, (x - (1 - _acp(t)) ** 0.5 * net(x, t)) / _acp(t) ** 0.5)


def dmd2(net: Net, picture: Tensor | None, z: Noises, times: tuple[float, ...]) -> Iterator[Seen]:
    """DMD2's demo: x0 of the network's noise, and fresh noise to the next time's level."""
    x0 = picture
    for i, t in enumerate(times):
        x = _noised(x0, z(i), _acp(t))
        x0 = (x - (1 - _acp(t)) ** 0.5 * net(x, t)) / _acp(t) ** 0.5
        yield Seen(x, t, x0)


def lcm(
    net: Net, picture: Tensor | None, z: Noises, times: tuple[float, ...], shifted: int = 1000, output: str = "epsilon"
) -> Iterator[Seen]:
    """diffusers' LCMScheduler; with `shifted`, NitroFusion's subclass of it, which noises to the times as they were."""
    denoised = picture
    for i, origin in enumerate(times):
        x = _noised(denoised, z(i), _acp(origin))
        t = int(origin) * shifted // 1000
        out = net(x, t)
        x0 = out if output == "sample" else (x - (1 - _acp(t)) ** 0.5 * out) / _acp(t) ** 0.5
        power = (10.0 * t) ** 2 + 0.5**2
        denoised = 10.0 * t / power**0.5 * x0 + 0.5**2 / power * x
        yield Seen(x, t, denoised)


def tcd(net: Net, picture: Tensor | None, z: Noises, times: tuple[float, ...], eta: float) -> Iterator[Seen]:
    """diffusers' TCDScheduler, which at the end lands at time 0, where a little noise is left."""
    x = _noised(picture, z(0), _acp(times[0]))
    for i, t in enumerate(times):
        previous = times[i + 1] if i + 1 < len(times) else 0
        s = math.floor((1 - eta) * previous)
        eps = net(x, t)
        x0 = (x - (1 - _acp(t)) ** 0.5 * eps) / _acp(t) ** 0.5
        landed = _acp(s) ** 0.5 * x0 + (1 - _acp(s)) ** 0.5 * eps
        yield Seen(x, t, landed)
        if i + 1 < len(times):
            share = _acp(previous) / _acp(s)
            x = share**0.5 * landed + (1 - share) ** 0.5 * z(i + 1)


def euler(net: Net, picture: Tensor | None, z: Noises, times: tuple[float, ...], output: str = "epsilon") -> Iterator[Seen]:
    """diffusers' EulerDiscreteScheduler with trailing times: y = x0 + sigma z, of which the network sees a scaled one."""
    sigmas = [((1 - _acp(t)) / _acp(t)) ** 0.5 for t in times] + [0.0]
    y = sigmas[0] * z(0) + (0 if picture is None else picture)
    for i, t in enumerate(times):
        x = y / (sigmas[i] ** 2 + 1) ** 0.5
        out = net(x, t)
        original = {"epsilon": y - sigmas[i] * out, "sample": out, "v": _original_of_v(out, y, sigmas[i])}[output]
        y = y + (sigmas[i + 1] - sigmas[i]) * (y - original) / sigmas[i]
        yield Seen(x, t, y / (sigmas[i + 1] ** 2 + 1) ** 0.5)


def _original_of_v(out: Tensor, y: Tensor, sigma: float) -> Tensor:
    return out * (-sigma / (sigma**2 + 1) ** 0.5) + y / (sigma**2 + 1)


def rectified(net: Net, picture: Tensor | None, z: Noises, times: tuple[float, ...]) -> Iterator[Seen]:
    """InstaFlow's pipeline_rf.py: x += dt v(x, t), t counting down from 1000.0."""
    share = times[0] / 1000
    x = z(0) if picture is None else (1 - share) * picture + share * z(0)
    for t, following in zip(times, (*times[1:], 0.0), strict=True):
        seen = x
        x = x + (t - following) / 1000 * net(x, t)
        yield Seen(seen, t, x)


def flow_match(net: Net, picture: Tensor | None, z: Noises, times: tuple[float, ...], z_image: bool = False) -> Iterator[Seen]:
    """diffusers' FlowMatchEulerDiscreteScheduler over sigmas, as FLUX uses it or as Z-Image does."""
    x = z(0) if picture is None else (1 - times[0]) * picture + times[0] * z(0)
    for sigma, following in zip(times, (*times[1:], 0.0), strict=True):
        seen, told = x, 1 - sigma if z_image else sigma
        velocity = -net(x, told) if z_image else net(x, told)
        x = x + (following - sigma) * velocity
        yield Seen(seen, told, x)


def edm(net: Net, picture: Tensor | None, z: Noises, times: tuple[float, ...]) -> Iterator[Seen]:
    """DMD2's imagenet_example.py: D(80 z, 80), with EDMPrecond's D."""
    (sigma,) = times
    y, power = sigma * z(0), sigma**2 + 0.5**2
    told = math.log(sigma) / 4
    out = net(y / power**0.5, told)
    yield Seen(y / power**0.5, told, 0.5**2 / power * y + sigma * 0.5 / power**0.5 * out)


def sim(net: Net, picture: Tensor | None, z: Noises, times: tuple[float, ...]) -> Iterator[Seen]:
    """SIM's inference.py."""
    y = SIM_SIGMA * z(0)
    x = y / (1 + SIM_SIGMA**2) ** 0.5
    yield Seen(x, SIM_TIME, y - SIM_SIGMA * net(x, SIM_TIME))


def sana(net: Net, picture: Tensor | None, z: Noises, times: tuple[float, ...]) -> Iterator[Seen]:
    """SanaSprintPipeline with diffusers' SCMScheduler; img2img as SanaSprintImg2ImgPipeline. Times are angles."""
    denoised = None if picture is None else 0.5 * picture
    for i, t in enumerate(times):
        y = 0.5 * z(i) if denoised is None else math.cos(t) * denoised + math.sin(t) * 0.5 * z(i)
        s = math.sin(t) / (math.sin(t) + math.cos(t))
        scale = (s**2 + (1 - s) ** 2) ** 0.5
        x = y / 0.5 * scale
        trig = ((1 - 2 * s) * x + (1 - 2 * s + 2 * s**2) * net(x, s)) / scale * 0.5
        denoised = math.cos(t) * y - math.sin(t) * trig
        yield Seen(x, s, denoised / 0.5)


def own(net: Net, picture: Tensor | None, z: Noises, times: tuple[float, ...]) -> Iterator[Seen]:
    """The embedded student, by the functions that it was trained with."""
    from training.path import clean, noised

    x0 = picture
    for i, t in enumerate(times):
        time = torch.tensor([t], dtype=torch.float64)
        x = z(i) if x0 is None else noised(x0[None], z(i)[None], time)[0]
        x0 = clean(x[None], net(x, t)[None], time)[0]
        yield Seen(x, t, x0)


def painter(net: Net, picture: Tensor | None, z: Noises, times: tuple[float, ...]) -> Iterator[Seen]:
    """The painter, as it was trained: no noise up to 0.6, and below 0.3 the picture shows through."""
    from engines.families.painter.network import noise_share
    from training.painter.studio import LEAST_TIME

    (t,) = times
    level = noise_share(torch.tensor(t, dtype=torch.float64))
    x = z(0) if picture is None else (1 - level) * picture + level * z(0)
    painted = net(x, t)
    yield Seen(
        x, t, painted if t >= LEAST_TIME or picture is None else torch.lerp(picture.double(), painted.double(), t / LEAST_TIME)
    )
