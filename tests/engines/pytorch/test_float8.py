"""Products in 8 bits, by the same numbers as on a GPU."""

import pytest
import torch
from torch import Tensor, nn

from engines.pytorch.float8 import linear, quantise, quantise_graph
from engines.pytorch.graph_types import type_graph
from engines.pytorch.traced import operator, trace


def off(got: Tensor, wanted: Tensor) -> float:
    return float((got.float() - wanted).square().mean().sqrt() / wanted.square().mean().sqrt())


def test_a_weight_comes_back_as_far_as_8_bits_go() -> None:
    """e4m3 has 3 bits of mantissa: values are off by at most a sixteenth of themselves, each output scaled for itself."""
    weight = torch.randn(32, 64) * torch.logspace(-6, 3, 32)[:, None]
    narrow, scale = quantise(weight)
    assert narrow.dtype == torch.float8_e4m3fn
    back = narrow.float() * scale[:, None]
    large = weight.abs() > weight.abs().amax(1, keepdim=True) / 1000
    assert float(((back - weight).abs() / weight.abs())[large].max()) <= 1 / 16


@pytest.mark.parametrize("bias", [True, False])
def test_a_product(bias: bool) -> None:
    """Rows of any magnitude, far beyond fp16's range times 448, are within five hundredths; the type is the input's."""
    torch.manual_seed(0)
    x = (torch.randn(2, 7, 256) * torch.logspace(-3, 2, 7)[:, None]).half()
    weight, added = torch.randn(96, 256) / 16, torch.randn(96).half() if bias else None
    got = linear(x, *quantise(weight), added)
    wanted = torch.nn.functional.linear(x.float(), weight, None if added is None else added.float())
    assert (got.dtype, got.shape) == (torch.float16, (2, 7, 96))
    for row in range(7):
        assert off(got[:, row], wanted[:, row]) < 0.05
    assert off(got, wanted) > 0.005  # or nothing was narrowed


def test_a_row_harms_no_other() -> None:
    """Rows that are not numbers, or nothing at all, leave the others what they are."""
    torch.manual_seed(0)
    x, weight = torch.randn(4, 64).half(), quantise(torch.randn(32, 64))
    alone = linear(x, *weight, None)
    x[1], x[2] = torch.nan, 0.0
    got = linear(x, *weight, None)
    assert bool(torch.isnan(got[1]).all())
    assert bool((got[2] == 0).all())
    torch.testing.assert_close(got[[0, 3]], alone[[0, 3]], rtol=0, atol=0)


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.wide, self.odd, self.small = nn.Linear(128, 128), nn.Linear(128, 130), nn.Linear(128, 16)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        return self.wide(x).sum((1, 2)) + self.odd(x).sum((1, 2)) + self.small(x).sum((1, 2)) + self.wide(t).sum(1)


def test_large_layers_of_tokens_are_narrowed_and_no_others() -> None:
    """Not where sides are no multiples of 16, nor small ones, nor those of as few rows as a tick. No weight stays behind."""
    net = Net().eval().requires_grad_(False)
    given = {"x": torch.randn(2, 5, 128), "t": torch.randn(2, 128)}
    graph = type_graph(trace(net, given, ("y",)), "fp16", "it")
    assert quantise_graph(graph) == 1
    assert sum(operator(node) == "linear" for node in graph.graph.nodes) == 4
    narrow = [node for node in graph.graph.nodes if node.target is linear]
    assert len(narrow) == 1
    assert off(graph(*given.values())[0], net(*given.values())) < 0.05
    assert sum(weight.dtype == torch.float8_e4m3fn for weight in graph.buffers()) == 1


def test_float32_is_not_narrowed() -> None:
    net = Net().eval().requires_grad_(False)
    graph = type_graph(trace(net, {"x": torch.randn(2, 5, 128), "t": torch.randn(2, 128)}, ("y",)), "fp32", "it")
    assert quantise_graph(graph) == 0
