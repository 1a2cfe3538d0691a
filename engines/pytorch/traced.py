"""A module as a graph of operators that may be rewritten: traced once, for ticks of every size.

`torch.export` gives a graph of ATen operators with weights as nodes of their own. What an inference has no use for is
taken out, so that whoever rewrites the graph meets nothing but what computes.
"""

import logging
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, fx, nn

LARGEST_TICK = 63
"""Rows. From 64 on diffusers' upsampling takes another way, and a graph that is traced holds one."""

_CHECKS = frozenset({"_assert_tensor_metadata", "_assert_scalar", "sym_constrain_range", "sym_constrain_range_for_size"})
_NOTHING = frozenset({"alias", "dropout", "detach", "lift_fresh_copy"})
"""Operators that give their first argument, when nothing is trained."""


def trace(module: nn.Module, inputs: Mapping[str, Tensor], outputs: Sequence[str]) -> fx.GraphModule:
    """The graph of a module in inference, of a batch from 1 to LARGEST_TICK.

    `inputs` are examples on the CPU in the order of the module's arguments, of a batch of 2 or more, dimension 0 of each.
    Of the module's outputs the first ones are kept, as many as are named; and of its inputs those that they depend on.
    The graph's weights are the module's own. Raises RuntimeError where a module cannot be traced.
    """
    batch = torch.export.Dim("n", min=1, max=LARGEST_TICK)
    exporting = logging.getLogger("torch.export")
    level = exporting.level
    exporting.setLevel(logging.ERROR)  # about dimensions that the graph does not depend on
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            program = torch.export.export(module, tuple(inputs.values()), dynamic_shapes=({0: batch},) * len(inputs))
            traced = program.module(check_guards=False)
    finally:
        exporting.setLevel(level)
    graph = traced.graph
    graph.set_codegen(fx.graph.CodeGen())  # plain arguments, where the exporter takes a tree
    _simplify(graph)
    _keep(graph, len(outputs))
    for node, name in zip(graph.find_nodes(op="placeholder"), inputs, strict=True):
        node.name = node.target = name
    for node in graph.find_nodes(op="placeholder"):
        if not node.users:
            graph.erase_node(node)
    graph.lint()
    return fx.GraphModule(traced, graph)


def operator(node: fx.Node) -> str:
    """The name of what a node calls, without overload: "conv2d", "getitem"; empty for inputs, weights and the output."""
    if node.op != "call_function":
        return ""
    packet: Any = getattr(node.target, "overloadpacket", node.target)
    return str(packet.__name__)


def weight_of(root: nn.Module, node: fx.Node) -> Tensor:
    """The tensor that a `get_attr` node stands for."""
    value: Any = root
    for name in str(node.target).split("."):
        value = getattr(value, name)
    assert isinstance(value, Tensor)
    return value.detach()


def _simplify(graph: fx.Graph) -> None:
    for node in list(graph.nodes):
        name = operator(node)
        if name in _CHECKS:
            graph.erase_node(node)
        elif name in _NOTHING:
            node.replace_all_uses_with(node.args[0])
            graph.erase_node(node)


def _keep(graph: fx.Graph, outputs: int) -> None:
    (end,) = graph.find_nodes(op="output")
    given: Any = end.args[0]
    while len(given) == 1 and isinstance(given[0], tuple | list):
        given = given[0]
    end.args = (tuple(given[:outputs]),)
    graph.eliminate_dead_code()
