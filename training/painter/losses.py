"""How far a painting is from what it should be."""

import torch
import torch.nn.functional as F
from torch import Tensor


def _slopes(x: Tensor) -> tuple[Tensor, Tensor]:
    return x[..., :, 1:] - x[..., :, :-1], x[..., 1:, :] - x[..., :-1, :]


def _texture(x: Tensor) -> Tensor:
    """How rough a picture is around each place: means of its differences over 8 pixels, [n, 6, h / 4, w / 4]."""
    dx, dy = _slopes(x)
    rough = torch.cat([F.pad(dx.abs(), (0, 1)), F.pad(dy.abs(), (0, 0, 0, 1))], 1)
    return F.avg_pool2d(F.avg_pool2d(rough, 4), 3, 1, 1)


def drawing_loss(drawn: Tensor, wanted: Tensor, weight: Tensor) -> Tensor:
    """Pixels, their means and their differences: the loss of what there is one right answer to."""
    off = (drawn - wanted) * weight
    dx, dy = _slopes(off)
    coarse = F.avg_pool2d(off, 4)
    means = coarse.abs().mean() + F.avg_pool2d(coarse, 4).abs().mean()
    return off.abs().mean() + 2 * means + 1.5 * (dx.abs().mean() + dy.abs().mean())


def painting_loss(painted: Tensor, wanted: Tensor, weight: Tensor, texture: float) -> Tensor:
    """Pixels, their means, their differences, their roughness; pictures [n, 3, h, w] in [-1, 1], `weight` [n, 1, h, w] of each.

    Absolute differences alone are least for the mean of what might be, which is smooth where the true painting is not. The
    last term asks for as much roughness as the painting has, wherever its strokes lie. Means over 4 and 16 pixels are what
    colours are learned by: there strokes cancel out, and do not drown them.
    """
    rough = (_texture(painted * weight) - _texture(wanted * weight)).abs().mean()
    return drawing_loss(painted, wanted, weight) + texture * rough


def margin(n: int, side: int, origins: list[tuple[int, int]] | None, whole: int, width: int) -> Tensor:
    """[n, 1, side, side]: 0 within `width` of a crop's edges that are not edges of the whole picture, else 1. All in cells."""
    weight = torch.ones(n, 1, side, side)
    for k, (top, left) in enumerate(origins or []):
        if top > 0:
            weight[k, :, :width] = 0
        if top + side < whole:
            weight[k, :, -width:] = 0
        if left > 0:
            weight[k, :, :, :width] = 0
        if left + side < whole:
            weight[k, :, :, -width:] = 0
    return weight
