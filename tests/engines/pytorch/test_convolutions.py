"""Convolutions that are one kernel with what follows them: which they are, and that they give the same."""

from typing import Any

import pytest
import torch
from torch import Tensor, fx, nn

from engines.pytorch.convolutions import convolution_add_relu, convolution_relu, find_sites, merge
from engines.pytorch.fusing import fuse
from engines.pytorch.graph_types import type_graph
from engines.pytorch.traced import operator, trace


class Block(nn.Module):
    """As the tiny autoencoder has them: three convolutions, and what came in is added before the last ReLU."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv2d(width, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 16, 3, padding=1), nn.ReLU(),
            nn.Conv2d(16, 16, 3, padding=1),
        )  # fmt: skip
        self.skip = nn.Conv2d(width, 16, 1, bias=False) if width != 16 else nn.Identity()
        self.fuse = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.fuse(self.conv(x) + self.skip(x))
        return made


class Net(nn.Module):
    """Of its convolutions the first has too few channels in, and the last too few out and nothing behind it."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), Block(8), nn.Conv2d(16, 16, 3, 2, 1, bias=False), nn.ReLU(inplace=True),
            Block(16), nn.Conv2d(16, 3, 3, padding=1),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.layers(x)
        return made


def typed(net: nn.Module, precision: str = "bf16") -> fx.GraphModule:
    torch.manual_seed(0)
    net.eval().requires_grad_(False)
    return fuse(type_graph(trace(net, {"x": torch.randn(2, 3, 16, 16)}, ("y",)), precision, "it"))


def names(graph: fx.GraphModule) -> list[str]:
    return [operator(node) for node in graph.graph.nodes if operator(node) in ("conv2d", "relu", "relu_", "add", *MERGED)]


MERGED = ("convolution_relu", "convolution_add_relu")


@pytest.fixture
def graph() -> fx.GraphModule:
    return typed(Net())


def test_which_they_are(graph: fx.GraphModule) -> None:
    """What one ReLU alone reads, perhaps after an addition; the convolution that is added stays, and so do odd channels."""
    sites = find_sites(graph)
    assert [site.added is not None for site in sites] == [False, False, True, False, False, False, True]
    merge(graph, sites)
    one, added = MERGED
    assert names(graph) == ["conv2d", "relu", one, one, "conv2d", added, one, one, one, added, "conv2d"]


def test_they_give_the_same(graph: fx.GraphModule) -> None:
    """To the rounding of half precision, for ticks of any size, strides and missing biases included."""
    given = {rows: torch.randn(rows, 3, 16, 16) for rows in (1, 3)}
    expected = {rows: graph(x)[0] for rows, x in given.items()}
    merge(graph, find_sites(graph))
    for rows, x in given.items():
        torch.testing.assert_close(graph(x)[0], expected[rows], atol=0.02, rtol=0.02)


def test_float32_is_left_alone() -> None:
    """There are no such kernels for it that are quicker."""
    assert find_sites(typed(Net(), "fp32")) == []


def test_others_that_read_it() -> None:
    """A convolution, or a sum, whose result someone else wants stays what it is."""

    class Shared(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.end = nn.Conv2d(3, 8, 1), nn.Conv2d(8, 8, 1)
            self.mid = nn.Conv2d(8, 8, 1)

        def forward(self, x: Tensor) -> Tensor:
            a = self.mid(self.conv(x))
            both = a + self.mid(a)
            end: Tensor = self.end(torch.relu(a) + torch.relu(both) + both)
            return end

    assert find_sites(typed(Shared())) == []


@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
@pytest.mark.parametrize("bias", [True, False])
def test_the_operators_keep_what_they_promise(layout: torch.memory_format, bias: bool) -> None:
    """Shape, type and layout are what a compiler was told, so that it may build on them."""
    x = torch.randn(2, 8, 6, 10).to(memory_format=layout)
    weight = torch.randn(16, 4, 3, 3).to(memory_format=layout)
    offset = torch.randn(16) if bias else None
    numbers = [2, 1, 1, 0, 1, 2, 2]
    added = torch.randn_like(convolution_relu(x, weight, offset, numbers))
    checks = ("test_schema", "test_faketensor")
    torch.library.opcheck(convolution_relu, (x, weight, offset, numbers), test_utils=checks)
    torch.library.opcheck(convolution_add_relu, (x, weight, added, offset, numbers), test_utils=checks)
    true = torch.nn.functional.conv2d(x, weight, offset, (2, 1), (1, 0), (1, 2), 2)
    torch.testing.assert_close(convolution_relu(x, weight, offset, numbers), true.relu())
    torch.testing.assert_close(convolution_add_relu(x, weight, added, offset, numbers), (true + added).relu())
    assert convolution_relu(x, weight, offset, numbers).is_contiguous(memory_format=layout)


def test_a_compiler_takes_them(graph: fx.GraphModule) -> None:
    """As one graph, whole."""
    merge(graph, find_sites(graph))
    x = torch.randn(1, 3, 16, 16)
    compiled: Any = torch.compile(graph, backend="aot_eager", fullgraph=True, dynamic=False)
    with torch.no_grad():
        torch.testing.assert_close(compiled(x)[0], graph(x)[0])
