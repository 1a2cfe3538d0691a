"""Modules as graphs: what is kept of them, and that a graph is right for any batch."""

import pytest
import torch
from torch import Tensor, nn

from engines.pytorch.traced import operator, trace


class Toy(nn.Module):
    """Takes more than it needs, gives more than is asked for, and is made as if it were to be trained."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.dropout = nn.Linear(6, 6), nn.Dropout(0.5)

    def forward(self, x: Tensor, idle: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
        y = self.dropout(self.layer(x.to(torch.float32))) * scale[:, None]
        return y, y + idle


@pytest.fixture
def toy() -> nn.Module:
    torch.manual_seed(0)
    return Toy().eval().requires_grad_(False)


def inputs(n: int) -> dict[str, Tensor]:
    return {"x": torch.randn(n, 6), "idle": torch.randn(n, 6), "scale": torch.randn(n)}


@pytest.mark.parametrize("n", [1, 2, 5, 63])
def test_a_graph_is_right_for_any_batch(toy: nn.Module, n: int) -> None:
    """What was traced with one batch gives what the module gives for another."""
    graph, given = trace(toy, inputs(2), ("y",)), inputs(n)
    (got,) = graph(given["x"], given["scale"])
    torch.testing.assert_close(got, toy(*given.values())[0])


def test_only_what_is_asked_for_is_left(toy: nn.Module) -> None:
    """Outputs that nobody reads are not computed, nor are inputs taken that only they need; nor is anything checked."""
    graph = trace(toy, inputs(2), ("y",))
    assert [node.name for node in graph.graph.find_nodes(op="placeholder")] == ["x", "scale"]
    computed = [operator(node) for node in graph.graph.nodes if operator(node)]
    assert [name for name in computed if name not in ("to", "unsqueeze")] == ["linear", "mul"]
    both = trace(toy, inputs(2), ("y", "z"))
    assert [node.name for node in both.graph.find_nodes(op="placeholder")] == ["x", "idle", "scale"]


def test_weights_are_the_modules_own(toy: nn.Module) -> None:
    """Tracing copies no weights."""
    traced = trace(toy, inputs(2), ("y",))
    assert {one.data_ptr() for one in traced.parameters()} == {one.data_ptr() for one in toy.parameters()}
