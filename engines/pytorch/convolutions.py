"""A convolution with what follows it in one kernel: bias, ReLU, and what is added before that.

A compiler gives convolutions to cuDNN and fuses the rest into a pass over memory of its own; cuDNN can do that on the way
out. The tiny autoencoder is nothing but such convolutions, at the image's size. Half precision only, and channels that its
kernels like: the others stay as they were.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx

from .traced import operator, weight_of

_MULTIPLE = 8
"""Of channels in and out, so that the matrix units are used."""
_HALVES = (torch.float16, torch.bfloat16)


@torch.library.custom_op("allaprima::convolution_relu", mutates_args=())
def convolution_relu(x: Tensor, weight: Tensor, bias: Tensor | None, numbers: list[int]) -> Tensor:
    """relu(conv2d(x)); `numbers` are stride, padding and dilation of height and width, and the groups."""
    if x.is_cuda:
        return _laid_out(torch.cudnn_convolution_relu(x, weight, bias, *_parted(numbers)), x, weight)
    return _laid_out(F.relu(F.conv2d(x, weight, bias, *_parted(numbers))), x, weight)


@torch.library.custom_op("allaprima::convolution_add_relu", mutates_args=())
def convolution_add_relu(x: Tensor, weight: Tensor, added: Tensor, bias: Tensor | None, numbers: list[int]) -> Tensor:
    """relu(conv2d(x) + added), which has the shape of the convolution."""
    if x.is_cuda:
        return _laid_out(torch.cudnn_convolution_add_relu(x, weight, added, 1.0, bias, *_parted(numbers)), x, weight)
    return _laid_out(F.relu(F.conv2d(x, weight, bias, *_parted(numbers)) + added), x, weight)


@convolution_relu.register_fake
def _(x: Tensor, weight: Tensor, bias: Tensor | None, numbers: list[int]) -> Tensor:
    return _fake(x, weight, numbers)


@convolution_add_relu.register_fake
def _(x: Tensor, weight: Tensor, added: Tensor, bias: Tensor | None, numbers: list[int]) -> Tensor:
    return _fake(x, weight, numbers)


@dataclass(frozen=True, slots=True, eq=False)
class Site:
    """A place in a graph where one kernel may take the place of several: `first` is the convolution, `last` the ReLU, and
    `sum` the addition between them, if there is one."""

    first: fx.Node
    last: fx.Node
    sum: fx.Node | None
    numbers: tuple[int, ...]

    @property
    def added(self) -> fx.Node | None:
        """To the convolution; as it is now, since another site may have taken its place."""
        return None if self.sum is None else next(node for node in self.sum.all_input_nodes if node is not self.first)

    def arguments(self) -> tuple[Any, ...]:
        x, weight, *bias = self.first.args[:3]
        between = () if self.added is None else (self.added,)
        return (x, weight, *between, bias[0] if bias else None, list(self.numbers))

    @property
    def target(self) -> Any:
        ops = torch.ops.allaprima
        return ops.convolution_relu.default if self.added is None else ops.convolution_add_relu.default


def find_sites(graph: fx.GraphModule) -> list[Site]:
    """Convolutions in half precision that one ReLU alone reads, perhaps after an addition."""
    return [site for node in graph.graph.nodes if operator(node) in ("relu", "relu_") for site in _sites_before(graph, node)]


def merge(graph: fx.GraphModule, sites: list[Site]) -> None:
    """Have each site's kernel take its place, in the graph itself."""
    for site in sites:
        with graph.graph.inserting_before(site.last):
            merged = graph.graph.call_function(site.target, site.arguments())
        merged.meta = dict(site.last.meta)
        site.last.replace_all_uses_with(merged)
        for node in (site.last, site.sum, site.first):
            if node is not None:
                graph.graph.erase_node(node)
    graph.graph.lint()
    graph.recompile()


def _sites_before(graph: fx.GraphModule, relu: fx.Node) -> Iterator[Site]:
    (given,) = relu.all_input_nodes
    if (numbers := _numbers(graph, given)) is not None:
        yield Site(given, relu, None, numbers)
        return
    if operator(given) not in ("add", "add_") or len(given.users) > 1 or given.kwargs or len(given.all_input_nodes) != 2:
        return
    one, other = given.all_input_nodes
    for first, added in ((one, other), (other, one)):
        numbers = _numbers(graph, first)
        if numbers is not None and _shape(first) == _shape(added):
            yield Site(first, relu, given, numbers)
            return


def _numbers(graph: fx.GraphModule, node: fx.Node) -> tuple[int, ...] | None:
    """Those of a convolution that can be merged with what alone reads it; None of anything else."""
    if operator(node) != "conv2d" or len(node.users) > 1 or node.kwargs:
        return None
    _, weight, *rest = node.args
    defaults: tuple[Any, ...] = (None, (1, 1), (0, 0), (1, 1), 1)
    given: list[Any] = [*rest, *defaults[len(rest) :]]
    _, stride, padding, dilation, groups = given
    if not isinstance(weight, fx.Node) or weight.op != "get_attr" or isinstance(padding, str):
        return None
    value = weight_of(graph, weight)
    if value.dtype not in _HALVES or any(side % _MULTIPLE for side in (value.shape[0], value.shape[1] * int(groups))):
        return None
    pairs = [_pair(one) for one in (stride, padding, dilation)]
    return (*pairs[0], *pairs[1], *pairs[2], int(groups))


def _pair(value: Any) -> tuple[int, int]:
    both = tuple(value) if isinstance(value, list | tuple) else (value,)
    return (int(both[0]), int(both[-1]))


def _parted(numbers: list[int]) -> tuple[list[int], list[int], list[int], int]:
    return numbers[0:2], numbers[2:4], numbers[4:6], numbers[6]


def _shape(node: fx.Node) -> tuple[Any, ...] | None:
    value = node.meta.get("val")
    return tuple(value.shape) if isinstance(value, Tensor) else None


def _laid_out(made: Tensor, x: Tensor, weight: Tensor) -> Tensor:
    """Channels-last where either is: what cuDNN gives, and what `_fake` promises, on a processor, too."""
    return made.contiguous(memory_format=_layout(x, weight))


def _fake(x: Tensor, weight: Tensor, numbers: list[int]) -> Tensor:
    stride, padding, dilation, groups = _parted(numbers)
    made = torch.ops.aten.convolution.default(x, weight, None, stride, padding, dilation, False, [0, 0], groups)
    return torch.empty(made.shape, dtype=x.dtype, device=x.device, memory_format=_layout(x, weight))


def _layout(x: Tensor, weight: Tensor) -> torch.memory_format:
    for one in (x, weight):
        if one.is_contiguous(memory_format=torch.channels_last) and not one.is_contiguous():
            return torch.channels_last
    return torch.contiguous_format
