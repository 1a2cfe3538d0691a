"""Noise schedules: from a time to the level of signal and noise that a network was trained on there.

A schedule speaks of the network's own input, x = alpha * x0 + sigma * z. Where a paper scales that input (EDM, TrigFlow),
the level here is the scaled one, so that every family below is used in the same way.
"""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

TRAIN_STEPS = 1000
"""Levels of the discrete schedules."""


@dataclass(frozen=True, slots=True)
class Level:
    """x = alpha * x0 + sigma * z."""

    alpha: float
    sigma: float


CLEAN = Level(1.0, 0.0)


class Schedule(Protocol):
    """A family of levels. Times are in the family's own units, which each class states."""

    def level(self, time: float) -> Level:
        """The level at a time. Raises ValueError if there is none."""
        ...

    def network_time(self, time: float) -> float:
        """What the network is told there."""
        ...

    def time_of(self, strength: float) -> float:
        """The time at which img2img of a strength in 0..1 starts; 1 is the noisiest."""
        ...


@lru_cache
def _alphas_squared(beta_start: float, beta_end: float, power: float) -> tuple[float, ...]:
    first, last = beta_start**power, beta_end**power
    betas = ((first + (last - first) * i / (TRAIN_STEPS - 1)) ** (1 / power) for i in range(TRAIN_STEPS))
    return tuple(itertools.accumulate((1 - beta for beta in betas), lambda a, b: a * b))


@dataclass(frozen=True, slots=True)
class VariancePreserving:
    """DDPM's discrete levels (Ho et al. 2020, eq. 4), alpha^2 + sigma^2 = 1. Times are whole numbers in 0..999.

    `power` 0.5 makes Stable Diffusion's "scaled linear" betas: equidistant in their square root. `alpha_squared`
    replaces alpha^2 at every time, for students whose own code wrote one number down.
    """

    beta_start: float = 0.00085
    beta_end: float = 0.012
    power: float = 0.5
    alpha_squared: float | None = None

    def __post_init__(self) -> None:
        if self.alpha_squared is not None and not 0 < self.alpha_squared < 1:
            raise ValueError(f"alpha_squared must lie between 0 and 1, not at {self.alpha_squared}")

    def level(self, time: float) -> Level:
        if not (0 <= time < TRAIN_STEPS and float(time).is_integer()):
            raise ValueError(f"this schedule has levels at the whole numbers 0 to {TRAIN_STEPS - 1}, not at {time}")
        table = _alphas_squared(self.beta_start, self.beta_end, self.power)
        alpha_squared = table[int(time)] if self.alpha_squared is None else self.alpha_squared
        return Level(math.sqrt(alpha_squared), math.sqrt(1 - alpha_squared))

    def network_time(self, time: float) -> float:
        return float(time)

    def time_of(self, strength: float) -> float:
        # as diffusers' "trailing" spacing counts: all of the strength is the last level, 999
        return float(max(0, round(TRAIN_STEPS * strength) - 1))


@dataclass(frozen=True, slots=True)
class Flow:
    """Rectified flow's straight path, x = (1 - t) x0 + t z (Liu et al. 2022). Times are in 0..1.

    The network is told `time_scale * t`. Strength s starts at t = s ** `strength_power`. Up to the time `quiet` there is no
    noise at all, and the path is run through in what is left: for networks whose repainting is a function of the picture, and
    that read their strength off the time.
    """

    time_scale: float = 1.0
    strength_power: float = 1.0
    quiet: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.quiet < 1:
            raise ValueError(f"quiet must lie in 0..1, below 1: {self.quiet} does not")

    def level(self, time: float) -> Level:
        if not 0 <= time <= 1:
            raise ValueError(f"a flow's times lie in 0..1: {time} does not")
        noised = max(0.0, time - self.quiet) / (1 - self.quiet)
        return Level(1.0 - noised, noised)

    def network_time(self, time: float) -> float:
        return time * self.time_scale

    def time_of(self, strength: float) -> float:
        time: float = strength**self.strength_power
        return time


@dataclass(frozen=True, slots=True)
class Edm:
    """x = x0 + sigma z, of which the network sees c_in x (Karras et al. 2022, table 1). Times are sigmas.

    `sigma_data` is EDM's; 1 gives the c_in = 1 / sqrt(1 + sigma^2) of variance-exploding epsilon networks (SIM).
    The network is told ln(sigma) / 4; students that are told something else say so in `network_times`.
    """

    sigma_data: float = 0.5

    def level(self, time: float) -> Level:
        if not time > 0:
            raise ValueError(f"a sigma is more than 0: {time} is not")
        c_in = 1 / math.hypot(time, self.sigma_data)
        return Level(c_in, c_in * time)

    def network_time(self, time: float) -> float:
        return math.log(time) / 4

    def time_of(self, strength: float) -> float:
        raise ValueError("sigmas have no natural end, so no strength is one: an EDM student makes stills only")


@dataclass(frozen=True, slots=True)
class TrigFlow:
    """x = cos(t) x0 + sin(t) z (Lu and Song 2024). Times are angles in 0..pi/2.

    SANA-Sprint's network sees x divided by cos(t) + sin(t): a flow at s = sin(t) / (sin(t) + cos(t)), and it is told s.
    """

    def level(self, time: float) -> Level:
        # 1.5708, which is what SANA-Sprint's own scheduler says for pi/2, is a little beyond it
        if not 0 <= time <= math.pi / 2 + 1e-5:
            raise ValueError(f"TrigFlow's times are angles from 0 to pi/2: {time} is not")
        s = self.network_time(time)
        return Level(1.0 - s, s)

    def network_time(self, time: float) -> float:
        return math.sin(time) / (math.sin(time) + math.cos(time))

    def time_of(self, strength: float) -> float:
        return strength * math.pi / 2


SCHEDULES: dict[str, Callable[..., Schedule]] = {
    "scaled-linear": VariancePreserving,
    "linear": lambda **options: VariancePreserving(**{"beta_start": 1e-4, "beta_end": 0.02, "power": 1.0, **options}),
    "flow": Flow,
    "edm": Edm,
    "trigflow": TrigFlow,
}
"""By the name a student's file uses. Options are the classes' fields."""
