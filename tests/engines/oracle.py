"""The oracle: image makers that are known exactly, in the place of every student's network.

An image maker G gives a picture for the network's input, the time that it is told and a prompt. Wrapped as a student's
network, by inverting what the student's authors say its output means, it must come out of the server as it went in. So
the one right answer is known for every student, without any weights.

Nothing here uses the contract, the schedules or the predictions under test. Levels of noise are computed from the
published betas. `Oracle` knows how networks answer; `PUBLISHED` holds each student's loop as its authors' code, or the
diffusers scheduler that they use, writes it: in sigmas where that one counts in sigmas. A network that is told a time
which it does not know answers NaN: tables are read at whole times only, and nothing is rounded.

The graphs are the real ones of `engines.stable_diffusion`, around an oracle, a codec that says every latent in the three
bytes of a pixel, and encoders that look a prompt up. A prompt is "STUDENT PICTURE".
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from torch import Tensor, nn

from engines.noise import noise
from engines.onnx_files import write_graph
from engines.stable_diffusion.build import example_inputs
from engines.stable_diffusion.graphs import Modules, modules_around
from engines.student import Student, load_student
from engines.tokens import FILES

LATENTS = (4, 8, 8)
SIDE = 64
"""Pixels of both sides of an image."""

Latents = NDArray[np.float64]
Net = Callable[[Tensor, float], Tensor]
"""The network of one job: input and time to output."""
Noises = Callable[[int], Tensor]
"""The noise before step 0, and the fresh noise before each later step."""

# levels of noise ------------------------------------------------------------------------------------------------------


def _alphas_squared(betas: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.cumprod(1 - betas)


STABLE_DIFFUSION = _alphas_squared(np.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2)
"""alpha^2 at the times 0 to 999: diffusers' "scaled_linear"."""
DDPM = _alphas_squared(np.linspace(1e-4, 0.02, 1000))
"""alpha^2 of PixArt and of SIM: diffusers' "linear"."""
WRITTEN_DOWN = 0.0047
"""alpha^2 at the last time, as SwiftBrush's infer.py and DMD2's test_folder_sd.py have it."""
SIM_SIGMA = 2.5
SIM_TIME = int(np.abs(((1 - DDPM) / DDPM) ** 0.5 - SIM_SIGMA).argmin())
"""SIM's network is told the time whose sigma is nearest."""

# networks -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Asked:
    """One call of a network: its input [n, 4, 8, 8], G of it, and one number a row [n, 1, 1, 1] of all others.

    alpha and sigma are those of the time on Stable Diffusion's table and on DDPM's, NaN where the table has none.
    """

    x: Tensor
    goal: Tensor
    t: Tensor
    alpha: Tensor
    sigma: Tensor
    ddpm_alpha: Tensor
    ddpm_sigma: Tensor


def _epsilon(asked: Asked) -> Tensor:
    return (asked.x - asked.alpha * asked.goal) / asked.sigma


def _epsilon_ddpm(asked: Asked) -> Tensor:
    return (asked.x - asked.ddpm_alpha * asked.goal) / asked.ddpm_sigma


def _epsilon_written_down(asked: Asked) -> Tensor:
    eps = (asked.x - WRITTEN_DOWN**0.5 * asked.goal) / (1 - WRITTEN_DOWN) ** 0.5
    return torch.where(asked.t == 999, eps, math.nan)


def _v(asked: Asked) -> Tensor:
    return asked.alpha * _epsilon(asked) - asked.sigma * asked.goal


def _sample(asked: Asked) -> Tensor:
    return asked.goal


def _towards_the_picture(asked: Asked) -> Tensor:
    """The velocity x0 - z of the straight path, by a network that counts its time to 1000.0. At 0 any is as good."""
    on_path = torch.where(asked.t <= 1000, (asked.goal - asked.x) / (asked.t / 1000), math.nan)
    return torch.where(asked.t == 0, 0.0, on_path)


def _towards_noise(asked: Asked) -> Tensor:
    """The velocity z - x0, by a network that is told how much noise there is."""
    return (asked.x - asked.goal) / asked.t


def _towards_noise_negated(asked: Asked) -> Tensor:
    """The same negated, by a network that is told how much picture there is."""
    return (asked.goal - asked.x) / (1 - asked.t)


def _edm(asked: Asked) -> Tensor:
    """F of D = c_skip y + c_out F(c_in y, ln(sigma) / 4), sigma_data 0.5."""
    sigma = torch.exp(4 * asked.t)
    power = sigma**2 + 0.5**2
    c_skip, c_out, c_in = 0.5**2 / power, sigma * 0.5 / power.sqrt(), 1 / power.sqrt()
    return (asked.goal - c_skip * asked.x / c_in) / c_out


def _sim(asked: Asked) -> Tensor:
    """eps of D = y - 2.5 eps(c_in y)."""
    y = asked.x * (1 + SIM_SIGMA**2) ** 0.5
    return torch.where(asked.t == SIM_TIME, (y - asked.goal) / SIM_SIGMA, math.nan)


def _sana(asked: Asked) -> Tensor:
    """What SANA-Sprint's pipeline turns into TrigFlow's F, where D = cos(a) y - sin(a) F; latents are halved there."""
    s, scale = asked.t, (asked.t**2 + (1 - asked.t) ** 2).sqrt()
    angle = torch.atan2(s, 1 - s)
    trig = (angle.cos() * 0.5 * asked.x / scale - 0.5 * asked.goal) / angle.sin()
    return (trig / 0.5 * scale - (1 - 2 * s) * asked.x) / (1 - 2 * s + 2 * s**2)


def _own(asked: Asked) -> Tensor:
    """engines/embedded/path.py, as it was trained: x0 = A(t) x + B(t) out."""
    power = (1 - asked.t) ** 2 + asked.t**2
    out = (asked.goal - (1 - asked.t) / power * asked.x) / (asked.t / power.sqrt())
    return torch.where(asked.t == 0, 0.0, out)


FAMILIES: dict[str, Callable[[Asked], Tensor]] = {
    "sample": _sample,  # the first, which is also what the empty prompt asks for: no time is wrong to it
    "epsilon": _epsilon,
    "epsilon-ddpm": _epsilon_ddpm,
    "epsilon-written-down": _epsilon_written_down,
    "v": _v,
    "towards-the-picture": _towards_the_picture,
    "towards-noise": _towards_noise,
    "towards-noise-negated": _towards_noise_negated,
    "edm": _edm,
    "sim": _sim,
    "sana": _sana,
    "own": _own,
}
"""What a network answers so that its authors' formula makes G of it."""


class Oracle(nn.Module):
    """In a UNet's place: x [n, 4, 8, 8], t [n] and a prompt's conditioning [n, 2, WIDTH] to what its family answers.

    The conditioning's first row names the family and says whether guidance counts, its second holds the picture: how G
    goes with x and with t, and what it adds. The pooled text and the sizes that SDXL's networks are told too must be
    right, or the answer is NaN.
    """

    def __init__(self, xl: bool = False) -> None:
        super().__init__()
        self.config = SimpleNamespace(in_channels=LATENTS[0], time_cond_proj_dim=None if xl else GUIDANCE_WIDTH)
        tables = [STABLE_DIFFUSION**0.5, (1 - STABLE_DIFFUSION) ** 0.5, DDPM**0.5, (1 - DDPM) ** 0.5]
        self.register_buffer("tables", torch.from_numpy(np.stack(tables, 1)))

    def forward(
        self,
        x: Tensor,
        t: Tensor,
        encoder_hidden_states: Tensor,
        timestep_cond: Tensor | None = None,
        added_cond_kwargs: dict[str, Tensor] | None = None,
        return_dict: bool = False,
    ) -> tuple[Tensor]:
        family, picture = encoder_hidden_states[:, 0], encoder_hidden_states[:, 1]
        goal = _each(picture[:, 0]) * x + _each(picture[:, 1] * _fold(t)) + picture[:, 2:].reshape(x.shape)
        if timestep_cond is not None:
            goal = goal + _each(family[:, 1] * _heard(timestep_cond))
        asked = Asked(x, goal, _each(t), *_each(self._levels(t)).unbind(-1))
        out = torch.full_like(x, math.nan)
        for number, answer in enumerate(FAMILIES.values()):
            out = torch.where(_each(family[:, 0] == number), answer(asked), out)
        if added_cond_kwargs is not None:
            sizes = torch.tensor([SIDE, SIDE, 0, 0, SIDE, SIDE])
            right = (added_cond_kwargs["time_ids"] == sizes).all(1)
            right &= (added_cond_kwargs["text_embeds"] == family[:, :POOLED]).all(1)
            out = torch.where(_each(right), out, math.nan)
        return (out,)

    def _levels(self, t: Tensor) -> Tensor:
        """[n, 4]: alpha and sigma of both tables, at whole times from 0 to 999 only."""
        index = t.round().clamp(0.0, 999.0)
        return torch.where((t == index)[:, None], self.tables[index.long()], math.nan)  # type: ignore[index]


def _each(numbers: Tensor) -> Tensor:
    return numbers[:, None, None, None]


def _fold(t: Tensor) -> Tensor:
    """A zigzag of slope 1: so much does G depend on the time, wherever it is."""
    return (t - 7.25 * (t / 7.25).round()).abs()


# guidance that a network is told --------------------------------------------------------------------------------------

GUIDANCE_WIDTH = 8


def told_guidance(w: float) -> Tensor:
    """What LCM's network is given for w, [GUIDANCE_WIDTH]: get_guidance_scale_embedding of diffusers' pipeline."""
    half = GUIDANCE_WIDTH // 2
    angles = 1000.0 * w * torch.exp(torch.arange(half, dtype=torch.float64) * -(math.log(10000.0) / (half - 1)))
    return torch.cat([angles.sin(), angles.cos()])


def _heard(told: Tensor) -> Tensor:
    """A number of the two slowest waves, which float32 can tell; 0 of w = 0."""
    return told[:, 2] - 0.5 * told[:, 3] + 2 * (told[:, 7] - 1)


# loops, as published --------------------------------------------------------------------------------------------------


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
    from engines.embedded.path import clean, noised

    x0 = picture
    for i, t in enumerate(times):
        time = torch.tensor([t], dtype=torch.float64)
        x = z(i) if x0 is None else noised(x0[None], z(i)[None], time)[0]
        x0 = clean(x[None], net(x, t)[None], time)[0]
        yield Seen(x, t, x0)


# students, as published -----------------------------------------------------------------------------------------------

ANY = (0.0, 0.002, 0.02, 0.25, 0.5, 0.77, 1.0)
"""Strengths to try of a student that takes any."""
FOUR = (0.25, 0.5, 0.75, 1.0)


def whole(strength: float) -> float:
    """Strength to one of a thousand times, the last at 1: diffusers' trailing spacing."""
    return max(0, round(1000 * strength) - 1)


@dataclass(frozen=True)
class Published:
    """What a student's authors say: how its network answers, the loop, its times, and the strengths of its img2img."""

    family: str
    loop: Loop
    times: tuple[float, ...]
    strengths: tuple[float, ...] = ()
    start: Callable[[float], float] = whole
    guided: bool = False

    def times_of(self, strength: float | None) -> tuple[float, ...]:
        """The times of a still, or of img2img: where the strength starts, and those of a still below."""
        if strength is None:
            return self.times
        first = self.start(strength)
        return (first, *(t for t in self.times if t < first))


_AT_399 = Published("epsilon", dmd2, (399,))
_DMD2 = Published("epsilon", dmd2, (999, 749, 499, 249), FOUR)
_LCM = Published("epsilon", lcm, (999, 759, 499, 259), ANY)
_HYPER_LORA = Published("epsilon", partial(tcd, eta=1.0), (999,), ANY)
_TURBO = Published("epsilon", euler, (999,), ANY)
_WRITTEN_DOWN = Published("epsilon-written-down", partial(once, acp=WRITTEN_DOWN), (999,))

PUBLISHED = {
    "2-rectified-flow": Published(
        "towards-the-picture", rectified, tuple(1000.0 * (1 - i / 8) for i in range(8)), ANY, lambda s: 1000.0 * s
    ),
    "disback-sdxl": Published("epsilon", lcm, (399,)),
    "dmd2-sd15": _WRITTEN_DOWN,
    "dmd2-sdxl-1step": _AT_399,
    "dmd2-sdxl-4step": _DMD2,
    "dmd2-sdxl-4step-lora": _DMD2,
    "embedded": Published("own", own, (1.0,), ANY, lambda s: s**2),
    "hyper-sd15-lora": _HYPER_LORA,
    "hyper-sdxl-lora": _HYPER_LORA,
    "hyper-sdxl-unet": Published("epsilon", lcm, (800,)),
    "instaflow-0.9b": Published("towards-the-picture", rectified, (1000.0,)),
    "lcm-dreamshaper-v7": Published("epsilon", lcm, (999, 759, 499, 259), ANY, guided=True),
    "lcm-lora-sd15": _LCM,
    "lcm-lora-sdxl": _LCM,
    "nitrosd-realism": Published("epsilon", partial(lcm, shifted=250), (999,)),
    "nitrosd-realism-4step": Published("epsilon", partial(lcm, shifted=250), (999, 749, 499, 249), FOUR),
    "nitrosd-vibrant": Published("epsilon", partial(lcm, shifted=500), (999,)),
    "pso-sdxl": _DMD2,
    "sd-turbo": _TURBO,
    "sdxl-lightning-1step": Published("sample", partial(euler, output="sample"), (999,)),
    "sdxl-lightning-4step": Published("epsilon", euler, (999, 749, 499, 249), FOUR),
    "sdxl-turbo": _TURBO,
    "slam-sd15-lora": _LCM,
    "swiftbrush": _WRITTEN_DOWN,
    "swiftbrush-v2": Published("epsilon", partial(once, acp=float(STABLE_DIFFUSION[999])), (999,)),
    "tcd-sd15-lora": Published("epsilon", partial(tcd, eta=0.3), (999, 759, 499, 259), ANY),
}
"""Every student that comes with us."""

ELSEWHERE = {
    "edm": Published("edm", edm, (80.0,)),
    "flux-schnell": Published("towards-noise", flow_match, (1.0, 0.75, 0.5, 0.25), (0.02, 0.25, 0.5, 0.77, 1.0), lambda s: s),
    "pixart-dmd": Published("epsilon-ddpm", partial(once, acp=float(DDPM[400])), (400,)),
    "sana-sprint": Published("sana", sana, (1.5708, 1.3), (0.25, 0.5, 0.77), lambda s: s * math.pi / 2),
    "sim": Published("sim", sim, (SIM_SIGMA,)),
    "v": Published("v", partial(euler, output="v"), (999, 749, 499, 249), FOUR),
    "z-image": Published("towards-noise-negated", partial(flow_match, z_image=True), (1.0, 0.9, 0.75, 0.5, 0.3)),
}
"""Families of students that no file of ours drives."""

# pictures and prompts -------------------------------------------------------------------------------------------------

PICTURES = ("boat", "heart", "house", "star", "moon")
WIDTH = 2 + math.prod(LATENTS)
"""Of the conditioning: a picture's slope in x, its slope in time, and what it adds."""
POOLED = 2
_NAMES = [*PUBLISHED, *ELSEWHERE]
_WORDS = ["<pad>", *_NAMES, *PICTURES]


def prompt(name: str, picture: str = "boat") -> str:
    return f"{name} {picture}"


def _drawn(picture: str) -> Tensor:
    """[WIDTH], of float32's numbers."""
    rng = np.random.default_rng(PICTURES.index(picture))
    slopes = np.array([rng.uniform(0.3, 0.7), rng.uniform(0.2, 0.4)])
    return torch.from_numpy(np.concatenate([slopes, rng.standard_normal(WIDTH - 2)]).astype(np.float32))


def _family(name: str) -> Tensor:
    """[2]: the family's number, and whether guidance counts."""
    facts = (PUBLISHED | ELSEWHERE)[name]
    return torch.tensor([float(list(FAMILIES).index(facts.family)), float(facts.guided)])


class Reader(nn.Module):
    """In a text encoder's place: ids [n, 2] to columns `first` to `last` of the conditioning [n, 2, WIDTH]."""

    def __init__(self, first: int = 0, last: int = WIDTH) -> None:
        super().__init__()
        self.first, self.last = first, last
        self.config = SimpleNamespace(projection_dim=POOLED)
        self.register_buffer("families", torch.stack([torch.zeros(POOLED), *(_family(name) for name in _NAMES)]))
        self.register_buffer("pictures", torch.stack([_drawn(picture) for picture in PICTURES]))

    def forward(self, ids: Tensor, output_hidden_states: bool = False) -> Any:
        families: Tensor = self.families[ids[:, 0].clamp(0, len(_NAMES))]  # type: ignore[index]
        pictures: Tensor = self.pictures[(ids[:, 1] - len(_NAMES) - 1).clamp(0, len(PICTURES) - 1)]  # type: ignore[index]
        read = torch.stack([nn.functional.pad(families, (0, WIDTH - POOLED)), pictures], 1)[:, :, self.first : self.last]
        return SimpleNamespace(last_hidden_state=read, hidden_states=(read, 0 * read), text_embeds=families)


STEP, OFFSET = 2.0**-19, 2.0**23
"""Latents from -16 to 16 are whole numbers of these steps, and so 24 bits."""


class ExactCodec(nn.Module):
    """In a VAE's place: each latent is 24 bits, and a block of pixels of that colour. The factor is Stable Diffusion's."""

    def __init__(self) -> None:
        super().__init__()
        self.config = SimpleNamespace(scaling_factor=0.18215)

    def encode(self, image: Tensor) -> Any:
        channels, h, w = LATENTS
        bytes_ = ((image + 1) * 127.5).round()[:, :, :: SIDE // (channels * h), :: SIDE // w]
        whole_ = bytes_[:, 0] * 65536 + bytes_[:, 1] * 256 + bytes_[:, 2] - OFFSET
        return SimpleNamespace(latents=whole_.reshape(-1, *LATENTS) * STEP / self.config.scaling_factor)

    def decode(self, latents: Tensor) -> Any:
        channels, h, w = LATENTS
        scaled = (latents * self.config.scaling_factor).reshape(-1, 1, channels * h, w)
        whole_ = ((scaled / STEP).round() + OFFSET).clamp(0.0, 2 * OFFSET - 1)
        high = (whole_ / 65536).floor()
        middle = ((whole_ - high * 65536) / 256).floor()
        bytes_ = torch.cat([high, middle, whole_ - high * 65536 - middle * 256], 1)
        blocks = bytes_.repeat_interleave(SIDE // (channels * h), 2).repeat_interleave(SIDE // w, 3)
        return SimpleNamespace(sample=blocks / 127.5 - 1)


def to_pixels(latents: Latents) -> NDArray[np.uint8]:
    """Latents [4, 8, 8] as the codec draws them, uint8 [SIDE, SIDE, 3]."""
    channels, h, w = LATENTS
    whole_ = (np.round(latents / STEP) + OFFSET).astype(np.int64).reshape(channels * h, w)
    bytes_ = np.stack([whole_ >> 16, whole_ >> 8 & 255, whole_ & 255], -1).astype(np.uint8)
    return bytes_.repeat(SIDE // (channels * h), 0).repeat(SIDE // w, 1)


def to_latents(pixels: NDArray[np.uint8]) -> Latents:
    """The latents that an image says, [4, 8, 8], to a millionth."""
    channels, h, w = LATENTS
    assert pixels.shape == (SIDE, SIDE, 3)
    high, middle, low = pixels[:: SIDE // (channels * h), :: SIDE // w].astype(np.int64).transpose(2, 0, 1)
    return ((high << 16 | middle << 8 | low) - OFFSET).reshape(LATENTS) * STEP


def source(seed: int) -> Latents:
    """Latents of a picture to repaint, which the codec can say exactly."""
    return to_latents(to_pixels(np.random.default_rng(1000 + seed).standard_normal(LATENTS)))


# graphs and answers ---------------------------------------------------------------------------------------------------


def modules(xl: bool = False) -> Modules:
    """The four graphs around the oracle, in the shape of Stable Diffusion 1.5 or of SDXL."""
    encoders: list[nn.Module] = [Reader(0, WIDTH // 2), Reader(WIDTH // 2, WIDTH)] if xl else [Reader()]
    return modules_around(Oracle(xl).float(), ExactCodec(), encoders, SIDE, SIDE)


def write_tokenizers(folder: Path, encoders: int = 1) -> Path:
    """A word is a token, and a prompt is two of them."""
    tokenizer = Tokenizer(WordLevel({word: i for i, word in enumerate(_WORDS)}, unk_token=_WORDS[0]))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    tokenizer.enable_padding(length=2)
    tokenizer.enable_truncation(2)
    folder.mkdir(parents=True, exist_ok=True)
    for file in list(FILES.values())[:encoders]:
        tokenizer.save(str(folder / file))
    return folder


def small(student: Student, folder: Path) -> Student:
    """A student at the oracle's size, its graphs in `folder`."""
    return replace(student, width=SIDE, height=SIDE, latent_shape=LATENTS, text_shape=(2, WIDTH), graphs=folder, weights=None)


def graphs(folder: Path) -> Path:
    """The oracle's graphs in `folder`, written there unless they have been."""
    whole_ = folder / "whole"
    if not whole_.exists():
        write_tokenizers(folder)
        four = modules()
        inputs = example_inputs(four, small(load_student("lcm-dreamshaper-v7"), folder), 2)
        for name, outputs in (
            ("text", ("conditioning",)), ("encode", ("latents",)), ("decode", ("pixels",)), ("denoise", ("x0", "x_next")),
        ):  # fmt: skip
            write_graph(getattr(four, name), inputs[name], outputs, folder / f"{name}.onnx")
        whole_.touch()
    return folder


@cache
def _exact() -> Oracle:
    return Oracle().double()


def network(name: str, picture: str = "boat", w: float = 0.0) -> Net:
    """A student's network in float64, for one prompt."""
    ids = torch.tensor([[_WORDS.index(name), _WORDS.index(picture)]])
    conditioning, told = Reader()(ids).last_hidden_state.double(), told_guidance(w)[None]

    def net(x: Tensor, t: float) -> Tensor:
        return _exact()(x[None], torch.tensor([t], dtype=torch.float64), conditioning, told)[0][0]

    return net


def seen(
    name: str, picture: str = "boat", seed: int = 0, strength: float | None = None, image: Latents | None = None, w: float = 0.0
) -> list[Seen]:
    """The steps of a job as its student's authors make them, in float64, with the noise of our seed."""
    facts = (PUBLISHED | ELSEWHERE)[name]

    def z(index: int) -> Tensor:
        return torch.from_numpy(noise(seed, index, LATENTS)).double()

    start = None if image is None else torch.from_numpy(image)
    return list(facts.loop(network(name, picture, w), start, z, facts.times_of(strength)))


def made(name: str, x: Tensor, t: float, picture: str = "boat") -> Latents:
    """The image maker's picture for an input and a time: G itself."""
    drawn = _drawn(picture).double()
    fold = float(_fold(torch.tensor(t, dtype=torch.float64)))
    return np.asarray(drawn[0] * x + drawn[1] * fold + drawn[2:].reshape(LATENTS))
