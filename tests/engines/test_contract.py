"""The contract: seven numbers that make an image of a network, and no noise level the network does not know."""

import math
from dataclasses import replace
from itertools import pairwise

import pytest

from engines.contract import FAMILIES, Contract, UnsupportedStrength, flow_preconditioned

ONE_STEP = Contract("flow-preconditioned", (1.0,), 1.5)
THREE_STEPS = Contract("flow-preconditioned", (1.0, 0.6, 0.3), 1.0)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("t", [1e-3, 0.1, 0.35, 0.5, 0.9, 1.0])
def test_any_picture_can_be_said(family: str, t: float) -> None:
    """Whatever picture x0 is wanted there is one network output that gives it: B is not 0 where there is noise."""
    step = FAMILIES[family](t)
    x_in, wanted = step.a_img * 0.3 + step.a_z * -1.7, 0.42
    out = (wanted - step.A * x_in) / step.B
    assert step.A * x_in + step.B * out == pytest.approx(wanted)
    assert math.isfinite(out)


def test_flow_without_noise() -> None:
    """At t = 0 the network is not asked: the picture is its own answer."""
    step = flow_preconditioned(0.0)
    assert (step.a_img, step.a_z, step.A, step.B) == (1.0, 0.0, 1.0, 0.0)


def test_flow_of_pure_noise() -> None:
    """At t = 1 the network's output is the picture."""
    step = flow_preconditioned(1.0)
    assert (step.a_img, step.a_z, step.A, step.B) == (0.0, 1.0, 0.0, 1.0)


@pytest.mark.parametrize("t", [0.05, 0.3, 0.5, 0.77, 0.95])
def test_flow_is_the_best_linear_guess(t: float) -> None:
    """A is the least-squares coefficient of the picture on the input for unit variances, and B the deviation that is left."""
    step = flow_preconditioned(t)
    variance_in = step.a_img**2 + step.a_z**2
    assert pytest.approx(step.a_img / variance_in) == step.A
    assert pytest.approx(1 - step.a_img**2 / variance_in) == step.B**2


def test_a_still_of_one_step() -> None:
    """A one-step still starts from pure noise and nothing follows."""
    (step,) = ONE_STEP.still()
    assert (step.t, step.a_img, step.a_z, step.alpha_next, step.sigma_next) == (1.0, 0.0, 1.0, 0.0, 0.0)


def test_a_still_of_three_steps() -> None:
    """Each step leads to the noise level where the next begins."""
    steps = THREE_STEPS.still()
    assert [s.t for s in steps] == [1.0, 0.6, 0.3]
    for step, following in pairwise(steps):
        assert (step.alpha_next, step.sigma_next) == (following.a_img, following.a_z)
    assert (steps[-1].alpha_next, steps[-1].sigma_next) == (0.0, 0.0)


@pytest.mark.parametrize(("strength", "t"), [(0.0, 0.0), (0.25, 0.125), (1.0, 1.0)])
def test_strength_is_a_time(strength: float, t: float) -> None:
    """Strength s starts at t = s to the student's power."""
    (step,) = ONE_STEP.repaint(strength)
    assert step == flow_preconditioned(t)


@pytest.mark.parametrize(
    ("strength", "times"), [(1.0, [1.0, 0.6, 0.3]), (0.8, [0.8, 0.6, 0.3]), (0.6, [0.6, 0.3]), (0.5, [0.5, 0.3]), (0.1, [0.1])]
)
def test_repainting_takes_the_steps_below(strength: float, times: list[float]) -> None:
    """A weaker repainting has fewer steps: those below where it starts."""
    assert [s.t for s in THREE_STEPS.repaint(strength)] == times


@pytest.mark.parametrize("strength", [-0.1, 1.1, math.nan, math.inf])
def test_no_such_strength(strength: float) -> None:
    """A strength outside 0..1 is refused."""
    with pytest.raises(UnsupportedStrength, match="between 0 and 1"):
        ONE_STEP.repaint(strength)


def test_stills_only() -> None:
    """A student without img2img refuses it with the reason."""
    with pytest.raises(UnsupportedStrength, match="stills only"):
        replace(ONE_STEP, strength_power=None).repaint(0.5)


def test_unknown_family() -> None:
    """A family that is not there is named, with those that are."""
    with pytest.raises(ValueError, match=r"'magic'; known: .*flow-preconditioned"):
        Contract("magic", (1.0,))


def test_no_times() -> None:
    """A contract without a step makes no picture."""
    with pytest.raises(ValueError, match="at least one time"):
        Contract("flow-preconditioned", ())
