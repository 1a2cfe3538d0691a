"""The trunk of the networks that read pictures: convolutions that halve a picture's sides, and what is left of each map."""

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn


def halving(widths: Sequence[int], again: bool = False) -> nn.Sequential:
    """Pictures [n, 3, h, w] in [-1, 1] to maps [n, widths[-1], h / 2^k, w / 2^k] of k widths; `again`: two convolutions a width
    after the first.
    """
    layers = [*_convolution(3, widths[0], 5, 2)]
    for a, b in itertools.pairwise(widths):
        layers += _convolution(a, b, 3, 2)
        if again:
            layers += _convolution(b, b, 3, 1)
    return nn.Sequential(*layers)


def _convolution(a: int, b: int, side: int, stride: int) -> list[nn.Module]:
    return [nn.Conv2d(a, b, side, stride=stride, padding=side // 2, bias=False), nn.BatchNorm2d(b), nn.ReLU()]


def mean_and_most(maps: Tensor) -> Tensor:
    """Maps [n, c, h, w] to [n, 2 c]: of each its mean and its largest value."""
    return torch.cat([maps.mean((-2, -1)), maps.amax((-2, -1))], 1)
