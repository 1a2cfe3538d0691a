"""Products in 8 bits: the denoiser's larger linear layers with weights and inputs as float8 (e4m3), sums in float32.

Micikevicius et al. 2022, "FP8 formats for deep learning". Each row of the input and each output's weights are scaled to the
format's range by their largest magnitude. Both scales are applied behind the product, so that a row that is not a number
harms no other, and a product needs only what GPUs from sm89 on have.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, fx

from .traced import operator, weight_of

LEAST_CAPABILITY = (8, 9)

_FLOAT8 = torch.float8_e4m3fn
_LARGEST = torch.finfo(_FLOAT8).max
_SMALLEST_SCALE = 1e-12
"""Of a row of zeros."""
_LEAST_ELEMENTS = 1 << 14
"""Of a weight, from which its product is made in 8 bits."""
_MULTIPLE = 16
"""Of a weight's sides, which the product wants."""


def quantise(weight: Tensor) -> tuple[Tensor, Tensor]:
    """A weight [out, in] as float8 and the scale of each output, float32 [out]: weight = float8 * scale."""
    scale = weight.float().abs().amax(1).clamp(min=_SMALLEST_SCALE) / _LARGEST
    return (weight.float() / scale[:, None]).clamp(-_LARGEST, _LARGEST).to(_FLOAT8), scale


def linear(x: Tensor, weight: Tensor, scale: Tensor, bias: Tensor | None) -> Tensor:
    """x [..., in] by a weight of `quantise`, in x's type. Off a GPU the same numbers are multiplied in float32."""
    rows = x.flatten(0, -2)
    largest = rows.float().abs().amax(1, keepdim=True).clamp(min=_SMALLEST_SCALE)
    narrow = (rows.float() * (_LARGEST / largest)).clamp(-_LARGEST, _LARGEST).to(_FLOAT8)
    if x.is_cuda:
        # the row's share of the product: what would be past the range of fp16 is not, as it is divided by the largest
        unit = torch.full((), 1 / _LARGEST, device=x.device)
        share = torch._scaled_mm(narrow, weight.t(), unit, unit, out_dtype=x.dtype, use_fast_accum=True).float()
        out = share * (largest * scale * _LARGEST)
    else:
        out = F.linear(narrow.float(), weight.float()) * (largest / _LARGEST * scale)
    out = out if bias is None else out + bias.float()
    return out.to(x.dtype).view(*x.shape[:-1], -1)


def quantise_graph(graph: fx.GraphModule) -> int:
    """Make the linear layers of tokens those above, in place. How many there are."""
    found = [node for node in graph.graph.nodes if operator(node) == "linear" and _is_large(graph, node)]
    for number, node in enumerate(found):
        given, weight, *bias = node.args
        narrow, scale = quantise(weight_of(graph, weight))
        graph.register_buffer(f"narrow_{number}", narrow)
        graph.register_buffer(f"scale_{number}", scale)
        with graph.graph.inserting_before(node):
            weights = [graph.graph.get_attr(f"{what}_{number}") for what in ("narrow", "scale")]
            replaced = graph.graph.call_function(linear, (given, *weights, bias[0] if bias else None))
        node.replace_all_uses_with(replaced)
        graph.graph.erase_node(node)
        if not weight.users:
            graph.graph.erase_node(weight)
            delattr(graph, str(weight.target))
    graph.graph.lint()
    graph.recompile()
    return len(found)


def _is_large(graph: fx.GraphModule, node: fx.Node) -> bool:
    """Whether a layer is of tokens, and wide. Those of the time's embedding have as few rows as a tick."""
    given, weight = node.args[0], node.args[1]
    assert isinstance(given, fx.Node)
    assert isinstance(weight, fx.Node)
    value = weight_of(graph, weight)
    is_half = value.dtype in (torch.float16, torch.bfloat16)
    of_tokens = "val" in given.meta and given.meta["val"].ndim > 2
    return is_half and of_tokens and value.numel() >= _LEAST_ELEMENTS and not any(side % _MULTIPLE for side in value.shape)
