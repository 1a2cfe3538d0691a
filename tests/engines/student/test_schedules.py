"""Schedules: levels of signal and noise, against tables that were written down elsewhere."""

import itertools
import math

import pytest

from engines.student.schedules import CLEAN, SCHEDULES, Edm, Flow, Schedule, TrigFlow, VariancePreserving

STABLE_DIFFUSION = [
    (0, 0.999150), (249, 0.675432), (399, 0.426086), (499, 0.277670), (749, 0.056623), (800, 0.036870), (999, 0.004660),
]  # fmt: skip
"""Times and alpha^2 of Stable Diffusion's betas, 0.00085 to 0.012, equidistant in their square root."""

DDPM = [(0, 0.9999), (400, 0.1936), (999, 4.036e-5)]
"""Times and alpha^2 of DDPM's betas, 0.0001 to 0.02, equidistant."""


def alpha_squared(schedule: Schedule, time: float) -> float:
    return schedule.level(time).alpha ** 2


@pytest.mark.parametrize(("time", "expected"), STABLE_DIFFUSION)
def test_stable_diffusions_levels(time: float, expected: float) -> None:
    """The levels of Stable Diffusion are the published ones."""
    assert alpha_squared(SCHEDULES["scaled-linear"](), time) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("time", "expected"), DDPM)
def test_ddpms_levels(time: float, expected: float) -> None:
    """The levels of DDPM are the published ones."""
    assert alpha_squared(SCHEDULES["linear"](), time) == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("name", ["scaled-linear", "linear"])
def test_variance_is_preserved(name: str) -> None:
    """Signal and noise make unit variance at every time, and noise grows."""
    levels = [SCHEDULES[name]().level(t) for t in range(1000)]
    assert all(math.hypot(level.alpha, level.sigma) == pytest.approx(1) for level in levels)
    assert all(a.sigma < b.sigma for a, b in itertools.pairwise(levels))


@pytest.mark.parametrize(
    ("strength", "time"), [(1.0, 999), (0.75, 749), (0.5, 499), (0.25, 249), (0.8, 799), (0.001, 0), (0, 0)]
)
def test_strength_counts_as_trailing(strength: float, time: float) -> None:
    """Strength s starts at the level that a schedule of s * 1000 trailing steps has left."""
    assert VariancePreserving().time_of(strength) == time


def test_the_network_is_told_the_time() -> None:
    """Discrete schedules tell the network their time as it is, as a float."""
    assert VariancePreserving().network_time(399) == 399.0


def test_one_alpha_at_every_time() -> None:
    """An alpha that a student's code wrote down replaces the table's."""
    schedule = VariancePreserving(alpha_squared=0.0047)
    assert alpha_squared(schedule, 999) == alpha_squared(schedule, 5) == pytest.approx(0.0047)


@pytest.mark.parametrize("value", [0.0, 1.0, 1.5, -0.1, math.nan])
def test_no_such_alpha(value: float) -> None:
    """An alpha^2 that leaves no signal or no noise is refused."""
    with pytest.raises(ValueError, match="between 0 and 1"):
        VariancePreserving(alpha_squared=value)


def test_flow() -> None:
    """Rectified flow's path is straight, and its network is told the time in its own units."""
    level = Flow().level(0.25)
    assert (level.alpha, level.sigma) == (0.75, 0.25)
    assert Flow().level(0.0) == CLEAN
    assert Flow(time_scale=1000.0).network_time(1.0) == 1000.0
    assert Flow(strength_power=2.0).time_of(0.5) == 0.25


def test_quiet_flow() -> None:
    """A quiet flow adds no noise up to a time, and runs its path through in what is left."""
    quiet = Flow(quiet=0.6)
    assert quiet.level(0.6) == quiet.level(0.1) == CLEAN
    assert (quiet.level(0.8).alpha, quiet.level(0.8).sigma) == pytest.approx((0.5, 0.5))
    assert quiet.level(1.0).sigma == 1.0
    for wrong in (1.0, -0.1, math.nan):
        with pytest.raises(ValueError, match="quiet"):
            Flow(quiet=wrong)


@pytest.mark.parametrize("sigma_data", [0.5, 1.0])
@pytest.mark.parametrize("sigma", [0.002, 0.5, 2.5, 80.0])
def test_edm(sigma_data: float, sigma: float) -> None:
    """EDM's network sees unit variance of data of sigma_data, at the ratio of noise that the time says."""
    level = Edm(sigma_data).level(sigma)
    assert math.hypot(sigma_data * level.alpha, level.sigma) == pytest.approx(1)
    assert level.sigma / level.alpha == pytest.approx(sigma)
    assert Edm(sigma_data).network_time(sigma) == pytest.approx(math.log(sigma) / 4)


def test_sim_sees_scaled_noise() -> None:
    """SIM's noise of 2.5 arrives at its network as 0.9285 z."""
    assert Edm(1.0).level(2.5).sigma == pytest.approx(0.9285, abs=1e-4)


def test_edm_knows_no_strength() -> None:
    """A sigma is no fraction of anything, so no strength is one."""
    with pytest.raises(ValueError, match="stills only"):
        Edm().time_of(0.5)


@pytest.mark.parametrize("angle", [0.0, 0.3, math.pi / 4, 1.3, math.pi / 2])
def test_trigflow(angle: float) -> None:
    """In the network's own space TrigFlow is a flow at sin / (sin + cos), and the network is told that."""
    level = TrigFlow().level(angle)
    assert level.alpha == pytest.approx(math.cos(angle) / (math.sin(angle) + math.cos(angle)))
    assert level.alpha + level.sigma == pytest.approx(1)
    assert TrigFlow().network_time(angle) == level.sigma
    assert TrigFlow().time_of(1.0) == pytest.approx(math.pi / 2)


@pytest.mark.parametrize(("angle", "s"), [(1.3, 0.782708), (1.5708, 1.0000037)])
def test_sana_sprints_times(angle: float, s: float) -> None:
    """SANA-Sprint's two angles are the flow times that its pipeline reaches, one of them a hair beyond pure noise."""
    assert TrigFlow().level(angle).sigma == pytest.approx(s, abs=1e-6)


@pytest.mark.parametrize(
    ("name", "time"),
    [
        ("scaled-linear", -1), ("scaled-linear", 1000), ("scaled-linear", 3.5), ("scaled-linear", math.nan),
        ("linear", 1000), ("flow", -0.01), ("flow", 1.01), ("flow", math.nan), ("edm", 0.0), ("edm", -1.0),
        ("edm", math.nan), ("trigflow", -0.01), ("trigflow", 1.571), ("trigflow", math.nan),
    ],
)  # fmt: skip
def test_no_such_time(name: str, time: float) -> None:
    """A time outside a schedule's own units is refused, and named."""
    with pytest.raises(ValueError, match=str(time)):
        SCHEDULES[name]().level(time)
