import pytest
import torch
from torch import Tensor

from training.looks.patterns import pattern
from training.measures import flicker, pan, shaking


@pytest.fixture
def photograph() -> Tensor:
    return torch.rand((3, 80, 90), generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("step", [(1, 2), (0, -3), (-2, 1), (0, 0)])
def test_what_moves_with_the_scene_does_not_flicker(photograph: Tensor, step: tuple[int, int]) -> None:
    frames = pan(photograph, 64, 4, step)
    assert frames.shape == (4, 3, 64, 64)
    assert flicker(lambda x: 1 - x, frames, step) == 0


def test_what_stays_on_the_glass_does(photograph: Tensor) -> None:
    frames = pan(photograph, 64, 4, (1, 2))
    assert flicker(lambda x: x + 0.1 * pattern("noise", x), frames, (1, 2)) > 10


def test_a_photograph_must_be_large_enough_for_the_way(photograph: Tensor) -> None:
    with pytest.raises(ValueError, match="need 94 x 64"):
        pan(photograph, 64, 4, (10, 0))


def test_a_photograph_shakes_as_itself(photograph: Tensor) -> None:
    assert shaking(lambda x: x, photograph) == 1
    assert shaking(lambda x: 0.25 * x, photograph) == pytest.approx(0.25)
