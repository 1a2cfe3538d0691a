"""Attention by a kernel of one's choice."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from engines.options import TorchOptions, choices_of
from engines.pytorch.attention import KERNELS, attention, find_attentions, give_kernel, scale_of, shapes_of
from engines.pytorch.traced import operator, trace


class Net(nn.Module):
    """One that any kernel may take, with a scale of its own and without, and one with a mask."""

    def forward(self, x: Tensor) -> Tensor:
        q = x.unflatten(-1, (2, 8)).transpose(1, 2)
        k = F.avg_pool1d(x.transpose(1, 2), 2).transpose(1, 2).unflatten(-1, (2, 8)).transpose(1, 2)
        plain = F.scaled_dot_product_attention(q, k, k, scale=0.5) + F.scaled_dot_product_attention(q, q, q)
        causal = F.scaled_dot_product_attention(plain, plain, plain, is_causal=True)
        return causal.transpose(1, 2).flatten(2)


def traced() -> fx.GraphModule:
    return trace(Net(), {"x": torch.randn(2, 6, 16)}, ("y",))


def test_which_may_be_given_another() -> None:
    """Those without a mask, whose rows alone are open."""
    graph = traced()
    found = find_attentions(graph)
    assert [scale_of(node) for node in found] == [0.5, None]
    assert [shape[1:] for shape in shapes_of(found[0])] == [(2, 6, 8), (2, 3, 8), (2, 3, 8)]


def test_it_gives_the_same() -> None:
    """For ticks of any size, and as one graph for a compiler."""
    graph = traced()
    given = [torch.randn(rows, 6, 16) for rows in (1, 3)]
    expected = [graph(x)[0] for x in given]
    for node in find_attentions(graph):
        give_kernel(graph, node, "cudnn")
    graph.recompile()
    assert [operator(node) for node in graph.graph.nodes].count("attention") == 2
    for x, true in zip(given, expected, strict=True):
        torch.testing.assert_close(graph(x)[0], true)
    compiled = torch.compile(graph, backend="aot_eager", fullgraph=True, dynamic=False)
    torch.testing.assert_close(compiled(given[0])[0], expected[0])


@pytest.mark.parametrize("kernel", KERNELS)
def test_the_operator_keeps_what_it_promises(kernel: str) -> None:
    """Shape, type and layout are what a compiler was told; it lies as tokens, heads, width."""
    q, k, v = torch.randn(2, 3, 5, 8), torch.randn(2, 3, 7, 8), torch.randn(2, 3, 7, 16)
    torch.library.opcheck(attention, (q, k, v, kernel, None), test_utils=("test_schema", "test_faketensor"))
    made = attention(q, k, v, kernel, 0.3)
    torch.testing.assert_close(made, F.scaled_dot_product_attention(q, k, v, scale=0.3))
    assert made.transpose(1, 2).is_contiguous()


def test_every_kernel_can_be_asked_for() -> None:
    """By the name that the options have for it."""
    assert set(choices_of(TorchOptions)["torch_attention"].values) == {"auto", "default", *KERNELS}
