"""How networks answer: an image maker in the place of a UNet, of every family."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import torch
from torch import Tensor, nn

from .levels import DDPM, SIM_SIGMA, SIM_TIME, STABLE_DIFFUSION, WRITTEN_DOWN
from .shapes import GUIDANCE_WIDTH, LATENTS, POOLED, SIDE


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
    """training/path.py, as it was trained: x0 = A(t) x + B(t) out."""
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
    right, or the answer is NaN. What a control network says is added to G.
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
        down_block_additional_residuals: tuple[Tensor, ...] | None = None,
        mid_block_additional_residual: Tensor | None = None,
        return_dict: bool = False,
    ) -> tuple[Tensor]:
        family, picture = encoder_hidden_states[:, 0], encoder_hidden_states[:, 1]
        goal = _each(picture[:, 0]) * x + _each(picture[:, 1] * fold(t)) + picture[:, 2:].reshape(x.shape)
        if timestep_cond is not None:
            goal = goal + _each(family[:, 1] * _heard(timestep_cond))
        if mid_block_additional_residual is not None:
            goal = goal + mid_block_additional_residual
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


class Sees(nn.Module):
    """In a ControlNet's place: a picture [n, 3, SIDE, SIDE] in 0..1 to what `read` makes of it."""

    controlnet_mid_block = True

    def forward(
        self,
        x: Tensor,
        t: Tensor,
        encoder_hidden_states: Tensor,
        controlnet_cond: Tensor,
        added_cond_kwargs: dict[str, Tensor] | None = None,
        return_dict: bool = False,
    ) -> tuple[list[Tensor], Tensor]:
        return [], read(controlnet_cond)


def read(picture: Tensor) -> Tensor:
    """The first pixel of each cell, its colours and a difference of two: [n, 3, SIDE, SIDE] to [n, 4, 8, 8]."""
    cell = SIDE // LATENTS[1]
    colours = picture[:, :, ::cell, ::cell]
    return torch.cat([colours, colours[:, :1] - colours[:, 2:]], 1) * 2 - 0.5


def _each(numbers: Tensor) -> Tensor:
    return numbers[:, None, None, None]


def fold(t: Tensor) -> Tensor:
    """A zigzag of slope 1: so much does G depend on the time, wherever it is."""
    return (t - 7.25 * (t / 7.25).round()).abs()


def told_guidance(w: float) -> Tensor:
    """What LCM's network is given for w, [GUIDANCE_WIDTH]: get_guidance_scale_embedding of diffusers' pipeline."""
    half = GUIDANCE_WIDTH // 2
    angles = 1000.0 * w * torch.exp(torch.arange(half, dtype=torch.float64) * -(math.log(10000.0) / (half - 1)))
    return torch.cat([angles.sin(), angles.cos()])


def _heard(told: Tensor) -> Tensor:
    """A number of the two slowest waves, which float32 can tell; 0 of w = 0."""
    return told[:, 2] - 0.5 * told[:, 3] + 2 * (told[:, 7] - 1)
