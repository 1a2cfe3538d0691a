"""Attention by a kernel of one's choice. Torch has several, and the quickest differs by shape and by GPU."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx
from torch.nn.attention import SDPBackend, sdpa_kernel

from .traced import operator

KERNELS = {
    "flash": SDPBackend.FLASH_ATTENTION,
    "cudnn": SDPBackend.CUDNN_ATTENTION,
    "efficient": SDPBackend.EFFICIENT_ATTENTION,
}
"""Torch's fused ones by name."""


@torch.library.custom_op("allaprima::attention", mutates_args=())
def attention(q: Tensor, k: Tensor, v: Tensor, kernel: str, scale: float | None) -> Tensor:
    """softmax(q k' scale) v of [rows, heads, tokens, width], by the kernel of this name. Raises RuntimeError if that cannot.

    The result lies as [rows, tokens, heads, width], as what follows wants it. A processor has one kernel of its own.
    """
    if q.is_cuda:
        with sdpa_kernel(KERNELS[kernel]):
            made = F.scaled_dot_product_attention(q, k, v, scale=scale)
    else:
        made = F.scaled_dot_product_attention(q, k, v, scale=scale)
    return made.transpose(1, 2).contiguous().transpose(1, 2)


@attention.register_fake
def _(q: Tensor, k: Tensor, v: Tensor, kernel: str, scale: float | None) -> Tensor:
    rows, heads, tokens, _ = q.shape
    return q.new_empty(rows, tokens, heads, v.shape[-1]).transpose(1, 2)


def find_attentions(graph: fx.GraphModule) -> list[fx.Node]:
    """Those without a mask, of four dimensions: any kernel may take them."""
    return [
        node
        for node in graph.graph.nodes
        if operator(node) == "scaled_dot_product_attention"
        and not any(node.args[3:6])
        and not any(node.kwargs.get(name) for name in ("attn_mask", "dropout_p", "is_causal", "enable_gqa"))
        and all(len(shape) == 4 for shape in shapes_of(node))
    ]


def shapes_of(node: fx.Node) -> list[tuple[Any, ...]]:
    """Of queries, keys and values; the rows may be a symbol."""
    given: Any = node.args[:3]
    return [tuple(one.meta["val"].shape) if "val" in one.meta else () for one in given]


def scale_of(node: fx.Node) -> float | None:
    scale = node.args[6] if len(node.args) > 6 else node.kwargs.get("scale")
    return None if scale is None else float(scale)  # type: ignore[arg-type]


def give_kernel(graph: fx.GraphModule, node: fx.Node, kernel: str) -> None:
    """Have a kernel take a node's place, in the graph itself."""
    with graph.graph.inserting_before(node):
        given = graph.graph.call_function(
            torch.ops.allaprima.attention.default, (*node.args[:3], kernel, scale_of(node))
        )  # fmt: skip
    given.meta = dict(node.meta)
    node.replace_all_uses_with(given)
    graph.graph.erase_node(node)
