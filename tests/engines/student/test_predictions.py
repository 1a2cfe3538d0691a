"""What networks put out, turned into pictures: every kind against its definition."""

import math
from collections.abc import Callable

import pytest

from engines.student.predictions import PREDICTIONS
from engines.student.schedules import SCHEDULES, Level

X0, Z = 0.42, -1.7


def _edm(level: Level) -> float:
    """Table 1 of EDM: the output that a perfect denoiser of the unscaled input x0 + sigma z has."""
    sigma, sigma_data = level.sigma / level.alpha, 0.5
    c_skip = sigma_data**2 / (sigma**2 + sigma_data**2)
    c_out = sigma * sigma_data / math.sqrt(sigma**2 + sigma_data**2)
    return (X0 - c_skip * (X0 + sigma * Z)) / c_out


OUTPUTS: dict[str, Callable[[Level], float]] = {
    "epsilon": lambda level: Z,
    "v": lambda level: level.alpha * Z - level.sigma * X0,
    "sample": lambda level: X0,
    "flow": lambda level: Z - X0,
    "flow-forward": lambda level: X0 - Z,
    "edm": _edm,
}
"""What the perfect network of each kind puts out for the picture X0 under the noise Z."""

LEVELS = [
    *(("scaled-linear", t, kind) for t in (0, 249, 399, 999) for kind in ("epsilon", "v", "sample")),
    *(("flow", t, kind) for t in (0.01, 0.5, 1.0) for kind in ("flow", "flow-forward", "v", "sample")),
    *(("trigflow", t, "flow") for t in (0.2, 1.3, 1.5708)),
    *(("edm", t, kind) for t in (0.002, 0.5, 80.0) for kind in ("edm", "epsilon", "sample")),
]


@pytest.mark.parametrize(("schedule", "time", "kind"), LEVELS)
def test_perfect_network(schedule: str, time: float, kind: str) -> None:
    """A network that puts out what its kind is defined as gives the picture back."""
    level = SCHEDULES[schedule]().level(time)
    A, B = PREDICTIONS[kind](level)
    assert A * (level.alpha * X0 + level.sigma * Z) + B * OUTPUTS[kind](level) == pytest.approx(X0, abs=1e-9)


def test_every_kind_is_defined_here() -> None:
    """No kind goes without its definition: preconditioned has tests of its own, below."""
    assert set(PREDICTIONS) == {*OUTPUTS, "preconditioned"}


@pytest.mark.parametrize("kind", PREDICTIONS)
def test_any_picture_can_be_said(kind: str) -> None:
    """Where there is noise, the output counts: whatever picture is wanted, one output gives it."""
    for level in (Level(0.9, 0.1), Level(0.5, 0.5), Level(0.3, 0.95)):
        assert abs(PREDICTIONS[kind](level)[1]) > 0.01


def test_preconditioned_without_noise() -> None:
    """Without noise the picture is its own answer."""
    assert PREDICTIONS["preconditioned"](Level(1.0, 0.0)) == (1.0, 0.0)


def test_preconditioned_pure_noise() -> None:
    """Of pure noise the output is the picture."""
    assert PREDICTIONS["preconditioned"](Level(0.0, 1.0)) == (0.0, 1.0)


@pytest.mark.parametrize("t", [0.05, 0.3, 0.5, 0.77, 0.95])
def test_preconditioned_is_the_best_linear_guess(t: float) -> None:
    """A is the least-squares coefficient of the picture on the input for unit variances, B the deviation that is left."""
    level = Level(1 - t, t)
    A, B = PREDICTIONS["preconditioned"](level)
    variance = level.alpha**2 + level.sigma**2
    assert pytest.approx(level.alpha / variance) == A
    assert pytest.approx(1 - level.alpha**2 / variance) == B**2


@pytest.mark.parametrize("sigma", [0.002, 0.5, 2.5, 80.0])
def test_edm_is_preconditioned(sigma: float) -> None:
    """EDM's own preconditioning, of data of unit variance, is ours: the same formula in two guises."""
    level = SCHEDULES["edm"](sigma_data=1.0).level(sigma)
    assert PREDICTIONS["edm"](level) == pytest.approx(PREDICTIONS["preconditioned"](level))
