"""The contract: the numbers that turn a network into an image maker. Pure; numpy is not needed.

Every student is affine in its network's input and output:

    x_in   = a_img * E(image) + a_z * z
    out    = net(x_in, t, conditioning)
    x0     = A * x_in + B * out
    x_next = alpha_next * x0 + sigma_next * z'

so a step is seven numbers, carried per row, and a tick may mix rows of any jobs.
"""

from collections.abc import Callable
from dataclasses import dataclass


class UnsupportedStrength(ValueError):
    """A job asks for a noise level that the student was not trained for."""


@dataclass(frozen=True, slots=True)
class Step:
    """The seven numbers of one step. `alpha_next` and `sigma_next` are 0 when no step follows."""

    t: float
    a_img: float
    a_z: float
    A: float
    B: float
    alpha_next: float = 0.0
    sigma_next: float = 0.0


def flow_preconditioned(t: float) -> Step:
    """Rectified flow's path x_t = (1 - t) E + t z with EDM's preconditioning (Karras et al. 2022, table 1).

    The identity at t = 0 (the boundary condition of consistency models), and x0 = out at t = 1.
    """
    power = (1 - t) ** 2 + t**2
    return Step(t=t, a_img=1 - t, a_z=t, A=(1 - t) / power, B=t / power**0.5)


FAMILIES: dict[str, Callable[[float], Step]] = {"flow-preconditioned": flow_preconditioned}
"""From a time in the family's own units to the step that ends there."""


@dataclass(frozen=True, slots=True)
class Contract:
    """How a student of `family` is driven.

    `still_times` are the times of a still's steps, first to last. `strength_power` maps an img2img strength s in
    0..1 to the time `s ** strength_power`; None says that the student does no img2img.
    """

    family: str
    still_times: tuple[float, ...]
    strength_power: float | None = None

    def __post_init__(self) -> None:
        if self.family not in FAMILIES:
            raise ValueError(f"unknown family {self.family!r}; known: {', '.join(FAMILIES)}")
        if not self.still_times:
            raise ValueError("a contract needs at least one time in still_times")

    def still(self) -> tuple[Step, ...]:
        """The steps of a picture from pure noise."""
        return self._chain(self.still_times)

    def repaint(self, strength: float) -> tuple[Step, ...]:
        """The steps of img2img at a strength in 0..1. Raises UnsupportedStrength."""
        if self.strength_power is None:
            raise UnsupportedStrength("this student makes stills only: it knows no noise level but its own")
        if not 0.0 <= strength <= 1.0:
            raise UnsupportedStrength(f"strength must be between 0 and 1, not {strength}")
        start = strength**self.strength_power
        return self._chain((start, *(t for t in self.still_times if t < start)))

    def _chain(self, times: tuple[float, ...]) -> tuple[Step, ...]:
        step_at = FAMILIES[self.family]
        steps = []
        for t, following in zip(times, (*times[1:], None), strict=True):
            step = step_at(t)
            if following is not None:
                ahead = step_at(following)
                step = Step(step.t, step.a_img, step.a_z, step.A, step.B, ahead.a_img, ahead.a_z)
            steps.append(step)
        return tuple(steps)
