"""Products of one input as one product."""

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from engines.pytorch.fusing import fuse
from engines.pytorch.graph_types import type_graph
from engines.pytorch.traced import operator, trace


class Attention(nn.Module):
    def __init__(self, bias: bool) -> None:
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(16, width, bias=bias) for width in (16, 16, 16))
        self.out = nn.Linear(16, 16)

    def forward(self, x: Tensor, text: Tensor) -> Tensor:
        q, k, v = (
            layer(given).unflatten(-1, (2, 8)).transpose(1, 2) for layer, given in ((self.q, x), (self.k, text), (self.v, text))
        )
        return x + self.out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


class Net(nn.Module):
    """Attention to itself and two to a text, and blocks that are told the same thing."""

    def __init__(self) -> None:
        super().__init__()
        self.own, self.first, self.second = Attention(True), Attention(False), Attention(False)
        self.told = nn.ModuleList(nn.Linear(4, 16) for _ in range(3))

    def forward(self, x: Tensor, text: Tensor, t: Tensor) -> Tensor:
        for layer in self.told:
            x = x + layer(F.silu(t))[:, None]
        return self.second(self.first(self.own(x, x), text), text)


def traced() -> tuple[nn.Module, fx.GraphModule, list[Tensor]]:
    torch.manual_seed(0)
    net = Net().eval().requires_grad_(False)
    given = {"x": torch.randn(2, 5, 16), "text": torch.randn(2, 7, 16), "t": torch.randn(2, 4)}
    return net, type_graph(trace(net, given, ("y",)), "fp32", "it"), list(given.values())


def count(graph: fx.GraphModule, name: str) -> int:
    return sum(operator(node) == name for node in graph.graph.nodes)


def test_products_of_one_input_are_one() -> None:
    """Queries, keys and values; keys and values of all attentions to a text; what all blocks are told."""
    net, graph, given = traced()
    assert (count(graph, "linear"), count(graph, "silu")) == (15, 3)
    fused = fuse(graph)
    # blocks 1; own 2; first and second: text 1, then each a query and an output
    assert (count(fused, "linear"), count(fused, "silu")) == (1 + 2 + 1 + 4, 1)
    torch.testing.assert_close(fused(*given)[0], net(*given))


def test_no_weight_is_there_twice() -> None:
    """What was joined is forgotten as single weights."""
    _, graph, _ = traced()
    before = sum(weight.numel() for weight in graph.buffers())
    fused = fuse(graph)
    assert sum(weight.numel() for weight in fused.buffers()) == before


def test_equal_numbers_of_other_types_are_not_equal() -> None:
    """1 and True, or 1 and 1.0, are not the same argument."""

    class Kinds(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.cat([(x + 1).sum(1, True), (x + 1).sum(1, True), x.cumsum(1), x.cumsum(0)], 1)

    given = torch.randn(3, 4)
    graph = type_graph(trace(Kinds(), {"x": torch.randn(2, 4)}, ("y",)), "fp32", "it")
    fused = fuse(graph)
    assert (count(fused, "add"), count(fused, "sum"), count(fused, "cumsum")) == (1, 1, 2)
    torch.testing.assert_close(fused(given)[0], Kinds()(given))
