"""Noise: for a seed the same everywhere, for two seeds unrelated."""

import numpy as np
import pytest

from engines.noise import noise

SHAPE = (24, 32, 32)


def test_the_same_for_a_seed() -> None:
    """A seed and a step always give the same numbers."""
    np.testing.assert_array_equal(noise(5, 1, SHAPE), noise(5, 1, SHAPE))


def test_the_same_everywhere() -> None:
    """The numbers of seed 0 are these, on every machine and with every numpy: images could not be compared otherwise."""
    np.testing.assert_allclose(noise(0, 0, (4,)), FIRST_OF_SEED_0, rtol=1e-6)


@pytest.mark.parametrize(("a", "b"), [((0, 0), (1, 0)), ((0, 0), (0, 1)), ((0, 1), (1, 0)), ((2**32 - 1, 0), (0, 0))])
def test_unrelated(a: tuple[int, int], b: tuple[int, int]) -> None:
    """Other seeds and other steps give unrelated numbers."""
    one, two = noise(*a, SHAPE).ravel(), noise(*b, SHAPE).ravel()
    assert abs(np.corrcoef(one, two)[0, 1]) < 0.03


@pytest.mark.parametrize("seed", [0, 1, 2**32 - 1])
def test_normal(seed: int) -> None:
    """The numbers are float32 of mean 0 and variance 1."""
    values = noise(seed, 0, SHAPE)
    assert values.dtype == np.float32
    assert values.shape == SHAPE
    assert abs(values.mean()) < 0.03
    assert abs(values.std() - 1) < 0.03


FIRST_OF_SEED_0 = [-0.24822916090488434, -0.02676701545715332, -1.9444162845611572, 0.5245779752731323]
