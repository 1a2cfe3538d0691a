"""The contract: the numbers that turn a network into an image maker. Pure; numpy is not needed.

Every student is affine in its network's input and output:

    x_in   = a_img * E(image) + a_z * z
    out    = net(x_in, t, conditioning)
    x0     = A * x_in + B * out
    x_next = alpha_next * x0 + sigma_next * z'

so a step is seven numbers, carried per row, and a tick may mix rows of any jobs. Where a sampler goes on by something
else than a fresh look at the clean image (Euler, TCD), what is called x0 here is the point that it lands on.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from .predictions import PREDICTIONS, Affine
from .schedules import CLEAN, SCHEDULES, TRAIN_STEPS, Level, Schedule, VariancePreserving


class UnsupportedStrength(ValueError):
    """A job asks for a noise level that the student was not trained for."""


class NeedsPicture(ValueError):
    """A job brings no picture to a student that makes nothing without one."""


@dataclass(frozen=True, slots=True)
class Step:
    """The seven numbers of one step, and two for masks.

    `a_img` and `a_z` open a job, and are 0 in every later step; `alpha_next` and `sigma_next` are 0 when no step follows.
    What a mask keeps of a picture is, where the step lands, keep_img * E(image) + keep_z * z, with the noise that opened the
    job: at the end the picture itself.
    """

    t: float
    a_img: float
    a_z: float
    A: float
    B: float
    alpha_next: float = 0.0
    sigma_next: float = 0.0
    keep_img: float = 1.0
    keep_z: float = 0.0


Sampler = Literal["renoise", "euler", "tcd"]
"""How a step goes on to the next.

renoise  from x0, with fresh noise (multistep consistency sampling, Song et al. 2023, alg. 1; LCM; DMD2)
euler    along the straight line through x_in and x0 (DDIM without noise, Song et al. 2020, eq. 12; rectified flow)
tcd      to the level of floor((1 - eta) * next), then with fresh noise (Zheng et al. 2024, alg. 2; Hyper-SD)
"""

Strengths = Literal["none", "levels", "any"]
"""Which img2img the student was trained for: none, only at the levels of its own `times`, or from anywhere."""

_LCM_SIGMA_DATA, _LCM_TIME_SCALE = 0.5, 10.0


@dataclass(frozen=True, slots=True)
class Contract:
    """How a student is driven, as its file says it.

    `times` are the levels that its steps start from, first to last. Where a student was trained with other numbers than
    those of its levels, `map_times` are the times whose alpha and sigma turn out into x0, and `network_times` what the
    network is told. `start` is the scale of a still's noise: unit variance, or the sigma of the first level; or "image", of
    students that take the picture itself where others take noise, in one step, and of it all (pix2pix-turbo, Parmar et al.
    2024): then there are no stills, and strength is 1. `noise` is how much noise such a student has mixed into its picture,
    x_in = (1 - noise) * E(image) + noise * z.
    `boundary` applies LCM's c_skip and c_out (Luo et al. 2023, eq. 9; scaled time as in diffusers' LCMScheduler).
    Below the time `fade` what the network says is blended with its input, in equal steps down to the input alone at 0: for
    students whose repainting is whole from there on, and whose schedule adds no noise up to there.
    Raises ValueError, at once, for numbers that no step can be made of.
    """

    schedule: str
    prediction: str
    times: tuple[float, ...]
    sampler: Sampler = "renoise"
    strengths: Strengths = "none"
    start: Literal["unit", "level", "image"] = "unit"
    map_times: tuple[float, ...] = ()
    network_times: tuple[float, ...] = ()
    boundary: bool = False
    eta: float = 0.0
    fade: float = 0.0
    noise: float = 0.0
    options: Mapping[str, Any] = field(default_factory=dict)
    _schedule: Schedule = field(init=False, repr=False, compare=False)
    _known: tuple[float, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for what, value, known in (
            ("schedule", self.schedule, tuple(SCHEDULES)),
            ("prediction", self.prediction, tuple(PREDICTIONS)),
            ("sampler", self.sampler, ("renoise", "euler", "tcd")),
            ("strengths", self.strengths, ("none", "levels", "any")),
            ("start", self.start, ("unit", "level", "image")),
        ):
            if value not in known:
                raise ValueError(f"unknown {what} {value!r}; known: {', '.join(known)}")
        if not self.times:
            raise ValueError("a contract needs at least one time in times")
        if list(self.times) != sorted(set(self.times), reverse=True):
            raise ValueError(f"times must fall from step to step, not {self.times}")
        tables = {"map_times": self.map_times, "network_times": self.network_times}
        for what, table in tables.items():
            if table and len(table) != len(self.times):
                raise ValueError(f"{what} has {len(table)} times for {len(self.times)} steps")
        if self.strengths == "any" and any(tables.values()):
            raise ValueError("strengths = 'any' needs levels that are their own map_times and network_times")
        if self.map_times and self.sampler != "renoise":
            raise ValueError(f"map_times go with the sampler renoise: {self.sampler} moves along one schedule")
        if self.takes_picture and (self.strengths != "none" or len(self.times) > 1):
            raise ValueError("start = 'image' goes with one time and with no strengths: there is no noise level to start from")
        if not 0 <= self.noise < 1 or (self.noise and not self.takes_picture):
            raise ValueError(f"noise is a share from 0 to below 1, and goes with start = 'image': {self.noise:g} does not")
        try:
            self._check_steps()
        except (TypeError, ArithmeticError) as error:
            raise ValueError(f"no step can be made of {self.prediction} on {self.schedule}: {error}") from error

    def _check_steps(self) -> None:
        if not 0.0 <= self.eta <= 1.0:
            raise ValueError(f"eta must be between 0 and 1, not {self.eta}")
        schedule = SCHEDULES[self.schedule](**self.options)
        object.__setattr__(self, "_schedule", schedule)  # once: each connection asks for the strengths
        object.__setattr__(self, "_known", self._find_known())
        if not isinstance(schedule, VariancePreserving) and (self.sampler == "tcd" or self.boundary):
            raise ValueError(f"the sampler tcd and boundary count in whole times, which the schedule {self.schedule} has not")
        if self.fade and not (self.fade > 0 and schedule.level(self.fade) == CLEAN):
            raise ValueError(f"fade blends with an input that must be the picture: at {self.fade:g} there is noise in it")
        if self.strengths != "none":
            schedule.time_of(1.0)  # raises where a schedule knows no strengths
        if self.takes_picture:
            self.repaint(1.0)
        else:
            self.still()

    @property
    def takes_picture(self) -> bool:
        """Whether it takes the picture itself, and makes nothing without one."""
        return self.start == "image"

    def still(self, most: int | None = None) -> tuple[Step, ...]:
        """The steps of a picture from pure noise; with `most`, of what it is after so many of them. Raises NeedsPicture."""
        if self.takes_picture:
            raise NeedsPicture("this student paints over a picture, and makes nothing of a prompt alone: send a picture")
        first = self._schedule.level(self.times[0])
        return self._chain(self.times[:most], 0.0, 1.0 if self.start == "unit" else first.sigma)

    def repaint(self, strength: float, most: int | None = None) -> tuple[Step, ...]:
        """The steps of img2img at a strength in 0..1; with `most` as for `still`. Raises UnsupportedStrength."""
        if self.takes_picture:
            if strength != 1.0:
                raise UnsupportedStrength(
                    f"this student takes the picture itself and makes all of it anew: its strength is 1, not {strength:g}"
                )
            return self._chain(self.times[:most], 1.0 - self.noise, self.noise)
        if self.strengths == "none":
            raise UnsupportedStrength("this student makes stills only: it knows no noise level but its own")
        if not 0.0 <= strength <= 1.0:
            raise UnsupportedStrength(f"strength must be between 0 and 1, not {strength}")
        start = self._schedule.time_of(strength)
        if self.strengths == "levels" and start not in self.times:
            known = ", ".join(f"{known:g}" for known in self.known_strengths())
            raise UnsupportedStrength(f"this student was trained for the strengths {known} only, not {strength:g}")
        level = self._schedule.level(start)
        return self._chain((start, *(t for t in self.times if t < start))[:most], level.alpha, level.sigma)

    def known_strengths(self) -> tuple[float, ...]:
        """The strengths of a student that knows some only, ascending; empty where any or none is known."""
        return self._known

    def _find_known(self) -> tuple[float, ...]:
        if self.takes_picture:
            return (1.0,)
        if self.strengths != "levels":
            return ()
        thousandths = (n / TRAIN_STEPS for n in range(TRAIN_STEPS + 1))
        return tuple(strength for strength in thousandths if strength and self._schedule.time_of(strength) in self.times)

    @property
    def most_steps(self) -> int:
        """Steps of the longest job there can be: how many jobs of one session keep a pipeline of ticks full."""
        # where stills start below the last level, a strong repainting has one step more
        above = self.strengths == "any" and self._schedule.time_of(1.0) > self.times[0]
        return len(self.times) + above

    def _chain(self, times: tuple[float, ...], a_img: float, a_z: float) -> tuple[Step, ...]:
        schedule, steps = self._schedule, []
        for index, (time, following) in enumerate(zip(times, (*times[1:], None), strict=True)):
            landing = self._landing(following)
            A, B = self._affine(time, landing)
            ahead = (0.0, 0.0) if following is None else _renoise(landing, schedule.level(following))
            kept = CLEAN if following is None else landing
            opening = (a_img, a_z) if not index else (0.0, 0.0)
            steps.append(Step(self._network_time(time), *opening, A, B, *ahead, kept.alpha, kept.sigma))
        return tuple(steps)

    def _network_time(self, time: float) -> float:
        if self.network_times:
            return self.network_times[self.times.index(time)]
        return self._schedule.network_time(self._mapped(time))

    def _mapped(self, time: float) -> float:
        return self.map_times[self.times.index(time)] if self.map_times else time

    def _landing(self, following: float | None) -> Level:
        if self.sampler == "tcd":
            return self._schedule.level(math.floor((1 - self.eta) * (following or 0.0)))
        if self.sampler == "euler" and following is not None:
            return self._schedule.level(following)
        return CLEAN

    def _affine(self, time: float, landing: Level) -> Affine:
        mapped = self._mapped(time)
        level = self._schedule.level(mapped)
        A, B = PREDICTIONS[self.prediction](level)
        if self.boundary:
            c_skip, c_out = _boundary(mapped)
            A, B = c_out * A + c_skip, c_out * B
        if time < self.fade:
            share = time / self.fade
            A, B = share * A + (1 - share), share * B
        if not landing.sigma:
            return A, B
        # the noise in x_in is (x_in - alpha x0) / sigma
        noise_A, noise_B = (1 - level.alpha * A) / level.sigma, -level.alpha * B / level.sigma
        return landing.alpha * A + landing.sigma * noise_A, landing.alpha * B + landing.sigma * noise_B


def _boundary(time: float) -> tuple[float, float]:
    scaled, power = _LCM_TIME_SCALE * time, _LCM_SIGMA_DATA**2
    return power / (scaled**2 + power), scaled / math.sqrt(scaled**2 + power)


def _renoise(landed: Level, level: Level) -> tuple[float, float]:
    """From a point at one level to a noisier one: the factors of the point and of fresh noise."""
    alpha = level.alpha / landed.alpha
    return alpha, math.sqrt(max(0.0, level.sigma**2 - (alpha * landed.sigma) ** 2))
