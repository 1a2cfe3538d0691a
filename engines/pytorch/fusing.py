"""Products of the same input made one: fewer launches, and larger ones, with the same sums.

Queries, keys and values of an attention are one product. So are the keys and values of all attentions to the prompt, and
what the time tells each block, since these read one tensor wherever in the network they are.
"""

from collections import defaultdict
from collections.abc import Hashable
from operator import getitem
from typing import Any

import torch
from torch import fx

from .traced import operator, weight_of

aten = torch.ops.aten


def fuse(graph: fx.GraphModule) -> fx.GraphModule:
    """The graph with equal nodes made one, and then linear layers of one input. Its weights are the same or joined."""
    _share_equals(graph.graph)
    _join_linears(graph)
    graph.graph.eliminate_dead_code()
    _forget_unused(graph)
    graph.graph.lint()
    return fx.GraphModule(graph, graph.graph)


def _share_equals(graph: fx.Graph) -> None:
    """Nodes that compute the same of the same become one: each block has an activation of the time's embedding."""
    seen: dict[Hashable, fx.Node] = {}
    for node in list(graph.nodes):
        if node.op != "call_function":
            continue
        try:
            key = (node.target, _frozen(node.args), _frozen(node.kwargs))
            hash(key)
        except TypeError:
            continue
        if key in seen:
            node.replace_all_uses_with(seen[key])
            graph.erase_node(node)
        else:
            seen[key] = node


def _frozen(value: Any) -> Hashable:
    """Arguments as a key; with their types, since 1, 1.0 and True are equal."""
    if isinstance(value, list | tuple):
        return tuple(_frozen(one) for one in value)
    if isinstance(value, dict):
        return tuple((name, _frozen(one)) for name, one in value.items())
    return (type(value), value)


def _join_linears(graph: fx.GraphModule) -> None:
    groups: dict[tuple[Hashable, ...], list[fx.Node]] = defaultdict(list)
    for node in graph.graph.nodes:
        if operator(node) != "linear" or node.kwargs:
            continue
        given, weight, *bias = node.args
        if weight.op == "get_attr" and all(one is not None and one.op == "get_attr" for one in bias):
            groups[given, len(bias), weight_of(graph, weight).dtype].append(node)
    for number, nodes in enumerate(group for group in groups.values() if len(group) > 1):
        _join(graph, nodes, f"joined_{number}")


def _join(graph: fx.GraphModule, nodes: list[fx.Node], name: str) -> None:
    given: Any = nodes[0].args[0]
    widths: list[int] = []
    arguments = [given]
    with graph.graph.inserting_before(nodes[0]):  # the input is there by then
        for place, what in enumerate(("weight", "bias")[: len(nodes[0].args) - 1], start=1):
            parts = [weight_of(graph, node.args[place]) for node in nodes]  # type: ignore[arg-type]
            widths = [part.shape[0] for part in parts]
            graph.register_buffer(f"{name}_{what}", torch.cat(parts))
            arguments.append(graph.graph.get_attr(f"{name}_{what}"))
        joined = graph.graph.call_function(aten.linear.default, tuple(arguments))
        split = graph.graph.call_function(aten.split_with_sizes.default, (joined, widths, -1))
        for place, node in enumerate(nodes):
            part = graph.graph.call_function(getitem, (split, place))
            part.meta = dict(node.meta)
            node.replace_all_uses_with(part)
    for node in nodes:
        graph.graph.erase_node(node)


def _forget_unused(graph: fx.GraphModule) -> None:
    used = {str(node.target) for node in graph.graph.find_nodes(op="get_attr")}
    for name in [name for name, _ in graph.named_buffers() if name not in used]:
        delattr(graph, name)
