"""Types of graphs: what is in half precision, and what must not be."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from engines.errors import EngineError
from engines.pytorch.graph_types import type_graph
from engines.pytorch.traced import operator, trace


class Net(nn.Module):
    """As a student's denoiser: sinusoids of the time, a network, and the contract's affine map around it."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("frequencies", torch.linspace(1, 1000, 4))
        self.time, self.conv, self.norm = nn.Linear(8, 4), nn.Conv2d(3, 8, 3, padding=1), nn.GroupNorm(2, 8)
        self.out = nn.Conv2d(4, 3, 1)

    def forward(self, x: Tensor, t: Tensor, A: Tensor) -> Tensor:
        angle = t[:, None] * self.frequencies
        told = self.time(torch.cat([angle.sin(), angle.cos()], 1))[:, :, None, None]
        h, gate = F.silu(self.norm(self.conv(x).to(torch.float32))).chunk(2, 1)
        return A[:, None, None, None] * x + self.out((h + told) * gate)


@pytest.fixture
def net() -> nn.Module:
    torch.manual_seed(0)
    return Net().eval().requires_grad_(False)


def inputs(n: int = 2) -> dict[str, Tensor]:
    return {"x": torch.randn(n, 3, 8, 8), "t": torch.full((n,), 0.7), "A": torch.full((n,), 14.6)}


class Watching(fx.Interpreter):
    """Runs a graph, and remembers what type each operator gave."""

    def __init__(self, graph: fx.GraphModule) -> None:
        super().__init__(graph)
        self.seen: dict[str, set[torch.dtype]] = {}

    def run_node(self, n: fx.Node) -> Any:
        given = super().run_node(n)
        if isinstance(given, Tensor) and operator(n):
            self.seen.setdefault(operator(n), set()).add(given.dtype)
        return given


def types(graph: fx.GraphModule, given: dict[str, Tensor]) -> dict[str, set[torch.dtype]]:
    watching = Watching(graph)
    watching.run(*given.values())
    return dict(watching.seen)


@pytest.mark.parametrize(("precision", "half"), [("fp16", torch.float16), ("bf16", torch.bfloat16)])
def test_the_network_is_half_and_what_is_around_it_is_not(net: nn.Module, precision: str, half: torch.dtype) -> None:
    """Sinusoids and the affine map are in float32; products, norms and what lies between them are not, as is no input."""
    given = inputs()
    graph = type_graph(trace(net, given, ("x0",)), precision, "it")
    seen = types(graph, given)
    for inside in ("linear", "conv2d", "group_norm", "silu", "getitem"):
        assert seen[inside] == {half}, inside
    for around in ("sin", "cos", "cat"):
        assert seen[around] == {torch.float32}, around
    assert seen["mul"] == {half, torch.float32}  # the gate's, and the affine map's
    (got,) = graph(*given.values())
    assert got.dtype == torch.float32
    off = (got - net(*given.values())).abs().max()
    assert 0 < off < 0.02  # the network's rounding, not multiplied by A


def test_float32_is_the_module_itself(net: nn.Module) -> None:
    given = inputs()
    (got,) = type_graph(trace(net, given, ("x0",)), "fp32", "it")(*given.values())
    torch.testing.assert_close(got, net(*given.values()))


def test_weights_of_convolutions_are_channels_last(net: nn.Module) -> None:
    """So that convolutions are, too: a layout follows the weights. Weights are typed, and those of the module are not."""
    graph = type_graph(trace(net, inputs(), ("x0",)), "fp16", "it")
    convolutions = [weight for weight in graph.buffers() if weight.ndim == 4]
    assert len(convolutions) == 2
    for weight in convolutions:
        assert weight.is_contiguous(memory_format=torch.channels_last)
    assert {weight.dtype for weight in graph.buffers()} == {torch.float16, torch.float32}  # frequencies
    assert {weight.dtype for weight in net.parameters()} == {torch.float32}


def test_a_weight_of_two_types() -> None:
    """A weight that the network uses, and what is around it, is there in both types."""

    class Both(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.randn(4, 4), requires_grad=False)

        def forward(self, x: Tensor) -> Tensor:
            return F.linear(x, self.weight) + self.weight.sum()

    graph = type_graph(trace(Both().eval(), {"x": torch.randn(2, 4)}, ("y",)), "fp16", "it")
    assert sorted(str(weight.dtype) for weight in graph.buffers()) == ["torch.float16", "torch.float32"]


def test_a_weight_that_does_not_fit_is_named(net: nn.Module) -> None:
    """A weight beyond fp16 is an error with its name and what to do; bf16 holds it."""
    weight = net.out.weight
    assert isinstance(weight, Tensor)
    weight[0, 0] = 1e6
    with pytest.raises(EngineError, match=r"of it: the weight out\.weight does not fit into float16: choose precision bf16"):
        type_graph(trace(net, inputs(), ("x0",)), "fp16", "of it")
    type_graph(trace(net, inputs(), ("x0",)), "bf16", "of it")
