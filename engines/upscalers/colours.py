"""A picture's colours given back: what networks of super-resolution change of them is undone (StableSR's color_fix)."""

import torch
from torch import Tensor
from torch.nn import functional

_LEVELS = 5
"""Of wavelets: the last reaches 16 pixels to each side."""
_LEAST = 1e-5
"""Added to variances, so that a picture of one colour has one."""
_KERNEL = (0.25, 0.5, 0.25)


def give_back(made: Tensor, source: Tensor, how: str) -> Tensor:
    """`made` with the colours of `source`, both [n, 3, h, w] in 0..1; the result may be a little beyond.

    adain    mean and spread of each colour (Huang and Belongie 2017), over the whole tensor
    wavelet  the low frequencies, by an a trous transform; edges are repeated
    none     as it is
    """
    if how == "adain":
        return _normal(made) * _spread(source) + source.mean((2, 3), keepdim=True)
    if how == "wavelet":
        return made - _low(made) + _low(source)
    return made


def _normal(picture: Tensor) -> Tensor:
    return (picture - picture.mean((2, 3), keepdim=True)) / _spread(picture)


def _spread(picture: Tensor) -> Tensor:
    # unbiased, by hand: exporters have no operator for that
    places = picture.shape[2] * picture.shape[3]
    off = picture - picture.mean((2, 3), keepdim=True)
    return torch.sqrt((off * off).sum((2, 3), keepdim=True) / (places - 1) + _LEAST)


def _low(picture: Tensor) -> Tensor:
    line = torch.tensor(_KERNEL, dtype=picture.dtype, device=picture.device)
    kernel = torch.outer(line, line)[None, None].repeat(3, 1, 1, 1)
    for level in range(_LEVELS):
        reach = 2**level
        padded = functional.pad(picture, (reach,) * 4, mode="replicate")
        picture = functional.conv2d(padded, kernel, dilation=reach, groups=3)
    return picture
