"""The contract: seven numbers that make an image of a network, and no noise level the network does not know."""

import math
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from engines.student.contract import Contract, NeedsPicture, Step, UnsupportedStrength

ONE_STEP = Contract("flow", "preconditioned", (1.0,), strengths="any", options={"strength_power": 1.5})
THREE_STEPS = Contract("flow", "preconditioned", (1.0, 0.6, 0.3), strengths="any")
FOUR_LEVELS = Contract("scaled-linear", "epsilon", (999, 749, 499, 249), strengths="levels")
SHIFTED = replace(FOUR_LEVELS, map_times=(249, 187, 124, 62), boundary=True)


def level(time: float) -> tuple[float, float]:
    """alpha and sigma of Stable Diffusion's level, by way of a contract of that one step."""
    (step,) = Contract("scaled-linear", "epsilon", (time,)).still()
    return 1 / step.A, -step.B / step.A


def run(
    contract: Contract, steps: tuple[Step, ...], picture: float = 0.0, noises: tuple[float, ...] = (0.7, -1.1, 0.4, 1.9)
) -> float:
    """The sampling loop that every engine does, on numbers, with a network whose answer depends on input and time."""
    x = steps[0].a_img * picture + steps[0].a_z * noises[0]
    x0 = 0.0
    for step, noise in zip(steps, (*noises[1:], 0.0), strict=False):
        x0 = step.A * x + step.B * math.tanh(0.8 * x + step.t / 1000)
        x = step.alpha_next * x0 + step.sigma_next * noise
    return x0


@pytest.mark.parametrize("contract", [THREE_STEPS, FOUR_LEVELS, SHIFTED, replace(FOUR_LEVELS, sampler="euler")], ids=str)
@pytest.mark.parametrize("most", [1, 2, 3])
def test_a_picture_on_its_way(contract: Contract, most: int) -> None:
    """After so many steps a picture is what the network sees of it there; the steps before are the same."""
    whole, part = contract.still(), contract.still(most)
    assert part[:-1] == whole[: most - 1]
    assert (part[-1].alpha_next, part[-1].sigma_next) == (0, 0)
    if contract.sampler == "renoise":  # where a step lands is what the network sees
        assert (part[-1].A, part[-1].B) == (whole[most - 1].A, whole[most - 1].B)
    assert contract.still(len(whole)) == contract.still(None) == whole


def test_a_repainting_on_its_way() -> None:
    """So it is with a repainting, whose steps are fewer."""
    whole = FOUR_LEVELS.repaint(0.75)
    assert FOUR_LEVELS.repaint(0.75, 2)[0] == whole[0]
    assert [len(FOUR_LEVELS.repaint(0.75, most)) for most in (1, 2, 3, 9)] == [1, 2, 3, 3]


def test_a_still_of_one_step() -> None:
    """A one-step still starts from pure noise and nothing follows."""
    assert ONE_STEP.still() == (Step(t=1.0, a_img=0.0, a_z=1.0, A=0.0, B=1.0),)


def test_a_still_of_three_steps() -> None:
    """Each step leads to the noise level where the next begins, and only the first opens a job."""
    steps = THREE_STEPS.still()
    assert [s.t for s in steps] == [1.0, 0.6, 0.3]
    assert [(s.alpha_next, s.sigma_next) for s in steps] == [(0.4, 0.6), (0.7, 0.3), (0.0, 0.0)]
    assert [(s.a_img, s.a_z) for s in steps] == [(0.0, 1.0), (0.0, 0.0), (0.0, 0.0)]


@pytest.mark.parametrize(("strength", "t"), [(0.0, 0.0), (0.25, 0.125), (1.0, 1.0)])
def test_strength_is_a_time(strength: float, t: float) -> None:
    """Strength s starts at the schedule's time for it, with the picture's share and the noise's."""
    (step,) = ONE_STEP.repaint(strength)
    assert (step.t, step.a_img, step.a_z) == (t, 1 - t, t)


def test_no_strength_no_change() -> None:
    """At strength 0 the picture comes back, whatever the network says."""
    (step,) = ONE_STEP.repaint(0.0)
    assert (step.A, step.B) == (1.0, 0.0)


def test_quiet_repainting() -> None:
    """A quiet schedule repaints without noise; below `fade` what the network says is blended with the picture."""
    contract = Contract("flow", "sample", (1.0,), strengths="any", fade=0.25, options={"quiet": 0.5})
    (faint,), (whole,), (noised,) = (contract.repaint(strength) for strength in (0.125, 0.25, 0.75))
    assert (faint.t, faint.a_img, faint.a_z, faint.A, faint.B) == (0.125, 1.0, 0.0, 0.5, 0.5)
    assert (whole.a_img, whole.a_z, whole.A, whole.B) == (1.0, 0.0, 0.0, 1.0)
    assert (noised.a_img, noised.a_z, noised.A, noised.B) == (0.5, 0.5, 0.0, 1.0)
    (nothing,) = contract.repaint(0.0)
    assert (nothing.A, nothing.B) == (1.0, 0.0)
    assert contract.still()[0].a_z == 1.0


@pytest.mark.parametrize("fade", [0.75, 0.51, -0.1, math.nan])
def test_no_fading_into_noise(fade: float) -> None:
    """A picture with noise in it is none to blend with."""
    with pytest.raises(ValueError, match=r"fade|times lie"):
        Contract("flow", "sample", (1.0,), strengths="any", fade=fade, options={"quiet": 0.5})


@pytest.mark.parametrize(
    ("strength", "times"), [(1.0, [1.0, 0.6, 0.3]), (0.8, [0.8, 0.6, 0.3]), (0.6, [0.6, 0.3]), (0.5, [0.5, 0.3]), (0.1, [0.1])]
)
def test_repainting_takes_the_steps_below(strength: float, times: list[float]) -> None:
    """A weaker repainting has fewer steps: those below where it starts."""
    assert [s.t for s in THREE_STEPS.repaint(strength)] == times


@pytest.mark.parametrize("strength", [-0.1, 1.1, math.nan, math.inf])
@pytest.mark.parametrize("contract", [ONE_STEP, FOUR_LEVELS])
def test_no_such_strength(contract: Contract, strength: float) -> None:
    """A strength outside 0..1 is refused."""
    with pytest.raises(UnsupportedStrength, match="between 0 and 1"):
        contract.repaint(strength)


def test_stills_only() -> None:
    """A student without img2img refuses it with the reason, and lists no strengths."""
    stills = replace(FOUR_LEVELS, strengths="none")
    with pytest.raises(UnsupportedStrength, match="stills only"):
        stills.repaint(0.5)
    assert stills.known_strengths() == ()


def test_known_levels_only() -> None:
    """A student of some levels repaints at those and refuses the others by name."""
    assert FOUR_LEVELS.known_strengths() == (0.25, 0.5, 0.75, 1.0)
    assert [s.t for s in FOUR_LEVELS.repaint(0.5)] == [499, 249]
    with pytest.raises(UnsupportedStrength, match=r"0\.25, 0\.5, 0\.75, 1 only, not 0\.6"):
        FOUR_LEVELS.repaint(0.6)


def test_any_strength_has_no_list() -> None:
    """Where any strength is known, there is none to list."""
    assert THREE_STEPS.known_strengths() == ()


def test_start_of_a_still() -> None:
    """A still's noise is of unit variance, or scaled to the first level; a repainting's is its level's either way."""
    unit, scaled = FOUR_LEVELS, replace(FOUR_LEVELS, start="level")
    alpha, sigma = level(999)
    assert (unit.still()[0].a_z, scaled.still()[0].a_z) == pytest.approx((1.0, sigma))
    for contract in (unit, scaled):
        first = contract.repaint(1.0)[0]
        assert (first.a_img, first.a_z) == pytest.approx((alpha, sigma))


def test_three_tables_of_times() -> None:
    """Noised to one level, told another, turned into x0 with a third: each table moves its own numbers only."""
    plain, steps = replace(SHIFTED, map_times=(), boundary=False), SHIFTED.still()
    assert [s.t for s in steps] == [249, 187, 124, 62]
    assert [(s.alpha_next, s.sigma_next) for s in steps] == [(s.alpha_next, s.sigma_next) for s in plain.still()]
    alpha, sigma = level(187)
    assert pytest.approx((1 / alpha, -sigma / alpha), rel=1e-6) == (steps[1].A, steps[1].B)
    told = replace(plain, network_times=(9.5, 8.5, 7.5, 6.5)).still()
    assert [s.t for s in told] == [9.5, 8.5, 7.5, 6.5]
    assert [replace(s, t=0) for s in told] == [replace(s, t=0) for s in plain.still()]


def test_tables_follow_a_repainting() -> None:
    """A repainting that starts halfway takes the tables' second half."""
    first, second = SHIFTED.repaint(0.5)
    alpha, sigma = level(499)
    assert (first.t, second.t) == (124, 62)
    assert (first.a_img, first.a_z) == pytest.approx((alpha, sigma))


def test_boundary() -> None:
    """LCM's boundary condition gives the input back at time 0, and is nothing to speak of at noisy times."""
    lcm = Contract("scaled-linear", "epsilon", (999, 19, 0), boundary=True)
    noisy, low, clean = lcm.still()
    bare = replace(lcm, boundary=False).still()
    assert (clean.A, clean.B) == (1.0, 0.0)
    assert pytest.approx(190 / math.sqrt(190**2 + 0.25)) == low.B / bare[1].B
    assert pytest.approx((bare[0].A, bare[0].B), rel=1e-6) == (noisy.A, noisy.B)


def test_boundary_of_a_mapped_time() -> None:
    """The boundary condition holds at the time that x0 is found with, not at that of the noise."""
    (step,) = Contract("scaled-linear", "epsilon", (999,), map_times=(0,), boundary=True).still()
    assert (step.A, step.B) == (1.0, 0.0)


def test_euler_keeps_its_noise() -> None:
    """Euler lands at the next level by itself: nothing is added, so fresh noise does not matter."""
    contract = replace(FOUR_LEVELS, sampler="euler")
    steps = contract.still()
    assert [(s.alpha_next, s.sigma_next) for s in steps] == [(1.0, 0.0)] * 3 + [(0.0, 0.0)]
    assert run(contract, steps, noises=(0.7, 0, 0, 0)) == run(contract, steps, noises=(0.7, 5, -5, 5))


def test_renoise_adds_fresh_noise() -> None:
    """Renoising does depend on each step's noise."""
    steps = FOUR_LEVELS.still()
    assert run(FOUR_LEVELS, steps, noises=(0.7, 0, 0, 0)) != run(FOUR_LEVELS, steps, noises=(0.7, 0, 0, 1))


def test_tcd_between_the_two() -> None:
    """Of TCD's eta, 0 is Euler between steps and adds no noise, and 1 lands as low as there is a level and adds most."""
    still = [replace(FOUR_LEVELS, sampler="tcd", eta=eta).still() for eta in (0.0, 0.3, 1.0)]
    added = [[s.sigma_next for s in steps[:-1]] for steps in still]
    assert added[0] == pytest.approx([0.0] * 3, abs=1e-7)
    assert all(0 < some < most for some, most in zip(added[1], added[2], strict=True))
    euler = replace(FOUR_LEVELS, sampler="euler").still()
    assert [(s.A, s.B) for s in still[0][:-1]] == [(s.A, s.B) for s in euler[:-1]]


def test_tcd_ends_at_level_0() -> None:
    """TCD's last step keeps the noise of level 0, so it is not quite x0, and eta does not matter to it."""
    steps = [replace(FOUR_LEVELS, sampler="tcd", eta=eta, times=(999,)).still() for eta in (0.0, 1.0)]
    assert steps[0] == steps[1]
    assert pytest.approx((14.6426, -14.5793), rel=1e-5) == (steps[0][0].A, steps[0][0].B)


@pytest.mark.parametrize("times", [(1.0,), (1.0, 0.5), (0.9, 0.4), (0.5,)])
@pytest.mark.parametrize("strengths", ["none", "any"])
def test_most_steps(times: tuple[float, ...], strengths: Any) -> None:
    """No job has more steps than the most, and one has as many: neither a still nor any repainting."""
    contract = Contract("flow", "flow", times, strengths=strengths)
    repaintings = [len(contract.repaint(i / 50)) for i in range(51)] if strengths == "any" else []
    assert contract.most_steps == max(len(contract.still()), *repaintings, 0)


GOOD: dict[str, Any] = {"schedule": "scaled-linear", "prediction": "epsilon", "times": (999.0, 499.0)}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"schedule": "magic"}, r"unknown schedule 'magic'; known: .*scaled-linear"),
        ({"prediction": "magic"}, r"unknown prediction 'magic'; known: .*epsilon"),
        ({"sampler": "magic"}, r"unknown sampler 'magic'; known: renoise, euler, tcd"),
        ({"strengths": "some"}, r"unknown strengths 'some'; known: none, levels, any"),
        ({"start": "high"}, r"unknown start 'high'; known: unit, level"),
        ({"times": ()}, "at least one time"),
        ({"times": (499.0, 999.0)}, "must fall"),
        ({"times": (999.0, 999.0)}, "must fall"),
        ({"times": (1000.0,)}, "0 to 999, not at 1000"),
        ({"times": (99.5,)}, "0 to 999, not at 99.5"),
        ({"map_times": (249.0,)}, "map_times has 1 times for 2 steps"),
        ({"network_times": (1.0, 2.0, 3.0)}, "network_times has 3 times for 2 steps"),
        ({"map_times": (249.0, 124.0), "strengths": "any"}, "needs levels that are their own"),
        ({"network_times": (249.0, 124.0), "strengths": "any"}, "needs levels that are their own"),
        ({"map_times": (249.0, 124.0), "sampler": "euler"}, "go with the sampler renoise"),
        ({"map_times": (249.0, 1249.0)}, "not at 1249"),
        ({"sampler": "tcd", "eta": -0.1}, "eta must be between 0 and 1"),
        ({"sampler": "tcd", "eta": 1.5}, "eta must be between 0 and 1"),
        ({"sampler": "tcd", "eta": math.nan}, "eta must be between 0 and 1"),
        ({"schedule": "flow", "prediction": "flow", "times": (1.0, 0.5), "sampler": "tcd"}, "count in whole times"),
        ({"schedule": "flow", "prediction": "flow", "times": (1.0,), "boundary": True}, "count in whole times"),
        ({"schedule": "flow", "times": (1.0,)}, "no step can be made of epsilon on flow"),
        ({"schedule": "edm", "times": (2.5,), "strengths": "any"}, "stills only"),
        ({"schedule": "edm", "times": (2.5,), "strengths": "levels"}, "stills only"),
        ({"options": {"speed": 3}}, "speed"),
        ({"options": {"beta_start": "low"}}, "no step can be made"),
        ({"options": {"alpha_squared": 2.0}}, "between 0 and 1"),
    ],
)
def test_bad_contracts(change: dict[str, Any], reason: str) -> None:
    """Numbers that no step can be made of are refused at once, with the reason."""
    assert Contract(**GOOD).still()
    with pytest.raises(ValueError, match=reason):
        Contract(**GOOD | change)


def test_steps_join() -> None:
    """What one step leads to is what the next was made for, for every sampler: a perfect network paints its picture."""
    picture = 0.37
    for sampler in ("renoise", "euler", "tcd"):
        steps = replace(FOUR_LEVELS, sampler=sampler, eta=0.3).repaint(1.0)  # type: ignore[arg-type]
        x = steps[0].a_img * picture + steps[0].a_z * 1.3
        for step, following in pairwise((*steps, None)):
            alpha, sigma = level(step.t)
            out = (x - alpha * picture) / sigma
            x0 = step.A * x + step.B * out
            x = step.alpha_next * x0 + step.sigma_next * -0.6
            if following is not None and sampler == "euler":
                assert (x - level(following.t)[0] * picture) / level(following.t)[1] == pytest.approx(1.3)
        assert x0 == pytest.approx(picture, abs=0.05 if sampler == "tcd" else 1e-9)


@pytest.mark.parametrize(
    ("contract", "landings"),
    [
        (FOUR_LEVELS, [None, None, None, None]),
        (replace(FOUR_LEVELS, sampler="euler"), [749, 499, 249, None]),
        (replace(FOUR_LEVELS, sampler="tcd", eta=0.3), [524, 349, 174, None]),
        (THREE_STEPS, [None, None, None]),
    ],
    ids=["renoise", "euler", "tcd", "flow"],
)
def test_what_a_mask_keeps(contract: Contract, landings: list[int | None]) -> None:
    """It is at the level where its step lands, noise and all, and at the end the picture itself."""
    for steps in (contract.still(), contract.repaint(1.0)):
        kept = [(step.keep_img, step.keep_z) for step in steps]
        assert kept == [pytest.approx((1.0, 0.0) if time is None else level(time)) for time in landings]


TAKES_PICTURE = Contract("scaled-linear", "epsilon", (999,), start="image")


def test_the_picture_itself() -> None:
    """A student that takes the picture itself has it where others have noise, at the one strength there is."""
    (step,) = TAKES_PICTURE.repaint(1.0)
    alpha, sigma = level(999)
    assert (step.t, step.a_img, step.a_z) == (999, 1, 0)
    assert math.isclose(step.A, 1 / alpha)
    assert math.isclose(step.B, -sigma / alpha)
    assert (TAKES_PICTURE.known_strengths(), TAKES_PICTURE.most_steps) == ((1.0,), 1)
    (mixed,) = replace(TAKES_PICTURE, noise=0.6).repaint(1.0)
    assert (mixed.a_img, mixed.a_z) == pytest.approx((0.4, 0.6))
    assert replace(mixed, a_img=1.0, a_z=0.0) == step


def test_no_picture_nothing() -> None:
    """Of a prompt alone it makes nothing, and at another strength neither, and says what it needs."""
    with pytest.raises(NeedsPicture, match="send a picture"):
        TAKES_PICTURE.still()
    with pytest.raises(UnsupportedStrength, match=r"its strength is 1, not 0\.5"):
        TAKES_PICTURE.repaint(0.5)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"strengths": "any"}, "one time and with no strengths"),
        ({"times": (999, 499)}, "one time and with no strengths"),
        ({"noise": 1.0}, "a share from 0 to below 1"),
        ({"noise": 0.5, "start": "unit"}, "goes with start = 'image'"),
    ],
    ids=str,
)
def test_a_picture_that_is_none(changes: dict[str, Any], why: str) -> None:
    """What goes with levels of noise does not go with a picture, nor the other way round."""
    with pytest.raises(ValueError, match=why):
        replace(TAKES_PICTURE, **changes)
