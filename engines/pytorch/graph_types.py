"""Types of a student's graph: the network in half precision, what lies before and behind it in float32.

What of a graph that is, and why no more, is said in `engines.extent`.
"""

from typing import Any

import torch
from torch import Tensor, fx

from ..errors import EngineError
from ..extent import extent
from .traced import operator, weight_of

HALVES = {"fp16": torch.float16, "bf16": torch.bfloat16}

_PRODUCTS = frozenset(
    {
        "addmm", "baddbmm", "bmm", "conv1d", "conv2d", "conv_transpose2d", "convolution", "einsum", "linear", "matmul", "mm",
        "scaled_dot_product_attention",
    }
)  # fmt: skip
_NORMS = frozenset({"batch_norm", "group_norm", "instance_norm", "layer_norm", "rms_norm", "softmax", "_softmax"})
_NETWORK = _PRODUCTS | _NORMS | {"embedding"}
"""Where a network begins and ends. A table of embeddings is a weight that is looked up."""
_CONVOLUTIONS = frozenset({"conv2d", "conv_transpose2d", "convolution"})
_AS_THEY_ARE = frozenset({"getitem"})
"""Of a node that gives several tensors, each has the type that it was computed in."""


def type_graph(traced: fx.GraphModule, precision: str, title: str) -> fx.GraphModule:
    """The graph in "fp16", "bf16" or "fp32", with weights of its own, those of convolutions channels-last.

    Inputs and outputs keep their types. Raises EngineError if a weight does not fit; `title` says whose.
    """
    half = HALVES.get(precision, torch.float32)
    nodes = [node for node in traced.graph.nodes if node.op == "call_function" and _is_float(node)]
    home = dict.fromkeys(_inner(nodes) if precision != "fp32" else (), half)
    return _Rewriting(traced, home, title).run()


class _Rewriting:
    """`home` has the type of every node that is not computed in float32."""

    def __init__(self, traced: fx.GraphModule, home: dict[fx.Node, torch.dtype], title: str) -> None:
        self._traced, self._graph, self._home, self._title = traced, traced.graph, home, title
        self._weights: dict[tuple[str, torch.dtype], fx.Node] = {}
        self._casts: dict[tuple[fx.Node, torch.dtype], fx.Node] = {}
        self._root = torch.nn.Module()

    def run(self) -> fx.GraphModule:
        for node in list(self._graph.nodes):
            if node.op == "output":
                (given,) = node.args
                node.args = (tuple(self._typed(one, torch.float32, node) for one in given),)
            elif node.op == "call_function":
                self._rewrite(node)
        for node in self._graph.find_nodes(op="get_attr"):
            if not node.users:  # by its old name
                self._graph.erase_node(node)
        typed = fx.GraphModule(self._root, self._graph)
        typed.graph.lint()
        return typed

    def _rewrite(self, node: fx.Node) -> None:
        if operator(node) in _AS_THEY_ARE:
            return
        own = self._home.get(node, torch.float32)
        if not _is_float(node):  # a comparison, or a cast to bytes: takes what there is
            own = next((self._home[given] for given in node.all_input_nodes if given in self._home), torch.float32)

        def typed(given: Any) -> Any:
            if isinstance(given, fx.Node):
                return self._typed(given, own, node)
            return own if given is torch.float32 and _is_float(node) else given

        node.args = fx.node.map_aggregate(node.args, typed)
        node.kwargs = fx.node.map_aggregate(node.kwargs, typed)

    def _typed(self, given: fx.Node, wanted: torch.dtype, user: fx.Node) -> fx.Node:
        """What stands for a node where a type is wanted."""
        if given.op == "get_attr":
            return self._weight(given, wanted, user)
        if not _is_float(given) or self._home.get(given, torch.float32) == wanted:
            return given
        if (given, wanted) not in self._casts:
            with self._graph.inserting_after(given):
                cast = self._graph.call_function(torch.ops.aten.to.dtype, (given, wanted))
            cast.meta["val"] = given.meta["val"].to(wanted)
            self._casts[given, wanted] = cast
        return self._casts[given, wanted]

    def _weight(self, node: fx.Node, wanted: torch.dtype, user: fx.Node) -> fx.Node:
        weight = weight_of(self._traced, node)
        wanted = wanted if weight.dtype == torch.float32 else weight.dtype
        key = (str(node.target), wanted)
        if key not in self._weights:
            name = f"weight_{len(self._weights)}"
            layout = operator(user) in _CONVOLUTIONS and weight.ndim == 4
            self._root.register_buffer(name, self._fitted(weight, wanted, layout, key[0]))
            first = next(iter(self._graph.nodes))
            with self._graph.inserting_before(first):
                self._weights[key] = self._graph.create_node("get_attr", name)
                self._weights[key].meta["val"] = getattr(self._root, name)
        return self._weights[key]

    def _fitted(self, weight: Tensor, wanted: torch.dtype, channels_last: bool, name: str) -> Tensor:
        fitted = weight.to(wanted)
        if wanted != weight.dtype and not bool(torch.isfinite(fitted).all()):
            raise EngineError(
                f"{self._title}: the weight {name} does not fit into {str(wanted).removeprefix('torch.')}: choose precision "
                f"bf16 or fp32"
            )
        return fitted.contiguous(memory_format=torch.channels_last) if channels_last else fitted


def _inner(nodes: list[fx.Node]) -> set[fx.Node]:
    """The nodes of the network."""

    def makers(node: fx.Node) -> set[fx.Node | None]:
        given = [one for one in node.all_input_nodes if one.op != "get_attr" and _is_float(one)]
        return {None if one.op == "placeholder" else one for one in given}

    outside = extent(nodes, lambda node: operator(node) in _NETWORK, makers, lambda node: node.users.keys())
    inner = set(nodes) - outside.before - outside.settled - outside.after
    for node in nodes:  # in order, so that what is taken of a part is right, too
        if operator(node) in _AS_THEY_ARE:
            (inner.add if node.args[0] in inner else inner.discard)(node)
    return inner


def _is_float(node: fx.Node) -> bool:
    value = node.meta.get("val")
    values = value if isinstance(value, tuple | list) else [value]
    return any(isinstance(one, Tensor) and one.dtype == torch.float32 for one in values)
