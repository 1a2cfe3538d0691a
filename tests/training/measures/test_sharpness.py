import pytest
import torch
from torch import Tensor

from training.looks.filters import blur
from training.measures import block_steps, gradients_kept, psnr


@pytest.fixture
def picture() -> Tensor:
    return torch.rand((2, 3, 64, 64), generator=torch.Generator().manual_seed(0))


def test_a_picture_off_by_a_tenth_has_twenty_decibels(picture: Tensor) -> None:
    assert psnr(picture * 0.5, picture * 0.5 + 0.1).tolist() == pytest.approx([20.0, 20.0], abs=1e-3)


def test_blur_keeps_less_detail(picture: Tensor) -> None:
    assert gradients_kept(picture, picture).tolist() == [1.0, 1.0]
    assert float(gradients_kept(blur(picture, 1.5), picture).max()) < 0.4


def test_blocks_are_seen_where_they_are(picture: Tensor) -> None:
    smooth = blur(picture, 3.0)
    tiles = (
        torch.rand((2, 3, 8, 8), generator=torch.Generator().manual_seed(1)).repeat_interleave(8, -1).repeat_interleave(8, -2)
    )
    assert float(block_steps(smooth).max()) < 1.2
    assert float(block_steps(smooth + 0.1 * tiles).min()) > 1.5
    assert float((block_steps(picture) - 1).abs().max()) < 0.1
