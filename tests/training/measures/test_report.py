import pytest
import torch
from torch import Tensor

from training.looks import LOOKS
from training.looks.filters import blur
from training.measures.report import IN_PIECES, report, true_painter
from training.measures.sources import crops, held_out

LOOK = ["sepia"]


@pytest.fixture(scope="module")
def pictures() -> dict[str, Tensor]:
    return dict(zip("ab", crops(2, 96, seed=3), strict=True))


def test_the_true_looks_are_their_own_measure(pictures: dict[str, Tensor]) -> None:
    result = report(true_painter, pictures, 64, looks=LOOK)
    (marks,) = result["looks"]
    assert marks["gradients"] == 1
    assert marks["flicker"] == 1
    assert marks["decibels"] == 100
    assert result["strength 0, decibels"] == 100


def test_a_soft_painter_keeps_less(pictures: dict[str, Tensor]) -> None:
    def soft(x: Tensor, prompt: str, strength: float) -> Tensor:
        return blur(true_painter(x, prompt, strength), 1.5)

    result = report(soft, pictures, 64, looks=LOOK)
    assert result["worst gradients"] < 0.7
    assert result["photo at 0.5, gradients kept"] < 0.7
    assert result["strength 0, decibels"] < 40


def test_only_looks_that_there_are_have_grids() -> None:
    assert set(LOOKS) >= IN_PIECES


def test_people_come_first_among_what_is_measured() -> None:
    pictures = held_out(64)
    assert next(iter(pictures)) == "astronaut"
    assert all(picture.shape == (3, 64, 64) for picture in pictures.values())
    assert bool(torch.isfinite(torch.stack(list(pictures.values()))).all())
