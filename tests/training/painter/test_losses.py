"""How far a painting is from what it should be."""

import torch

from training.painter.losses import margin, painting_loss


def test_the_same_is_no_loss() -> None:
    """A perfect painting has no loss, a wrong one has, and what has no weight does not count."""
    x, y = torch.rand(2, 1, 3, 32, 32)
    one = torch.ones(1, 1, 32, 32)
    assert painting_loss(x, x, one, 2.0) == 0
    assert painting_loss(x, y, one, 2.0) > 0
    assert painting_loss(x, y, 0 * one, 2.0) == 0


def test_smooth_is_worse_than_misplaced_where_roughness_counts() -> None:
    """Grain in other places costs less than no grain once roughness weighs enough; by differences alone it costs more."""
    grain, other = torch.randn(2, 1, 3, 64, 64) * 0.3
    one, smooth = torch.ones(1, 1, 64, 64), torch.zeros(1, 3, 64, 64)
    assert painting_loss(other, grain, one, 0.0) > painting_loss(smooth, grain, one, 0.0)
    assert painting_loss(other, grain, one, 6.0) < painting_loss(smooth, grain, one, 6.0)


def test_margins_are_where_the_picture_goes_on() -> None:
    """Edges of a crop do not count where there is more of the picture beyond them."""
    weight = margin(2, 8, [(0, 0), (8, 4)], 16, 2)
    assert weight[0, 0, 0, 0] == 1
    assert weight[0, 0, -2:].sum() == weight[0, 0, :, -2:].sum() == 0
    assert weight[1, 0, :2].sum() == 0
    assert weight[1, 0, -1, 4] == 1
    assert margin(1, 8, None, 8, 2).all()
