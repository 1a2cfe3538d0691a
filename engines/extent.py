"""Where in a graph the network lies: between its first and its last product or norm.

There, and only there, numbers are computed in half precision, whichever library types the graph. What lies before and
behind stays in float32: the sinusoids of the time and of the guidance, pixels to [-1, 1] and back, and the contract's affine
map, which at the noisy end multiplies errors (A = 14.6 for epsilon students).
"""

from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Node = TypeVar("Node", bound=Hashable)


@dataclass(frozen=True)
class Extent(Generic[Node]):
    """What of a graph is none of its network's.

    before   reaches an input without a product or norm
    settled  depends on no input at all, and on no product or norm: made of constants
    after    reaches no further product or norm
    """

    before: frozenset[Node]
    settled: frozenset[Node]
    after: frozenset[Node]


def extent(
    nodes: Sequence[Node],
    in_network: Callable[[Node], bool],
    makers: Callable[[Node], Collection[Node | None]],
    users: Callable[[Node], Collection[Node]],
) -> Extent[Node]:
    """Of nodes that give floats, in the order that they are computed in.

    `in_network` tells products and norms; `makers` are the nodes that a node's floats come from, None for an input of the
    graph; `users` those that use what it gives.
    """
    before, settled = set[Node](), set[Node]()
    for node in nodes:
        if in_network(node):
            continue
        made_by = set(makers(node))
        if made_by <= settled:
            settled.add(node)
        elif made_by <= before | settled | {None}:
            before.add(node)
    after, floats = set[Node](), set(nodes)
    for node in reversed(nodes):
        if not in_network(node) and set(users(node)) & floats <= after:
            after.add(node)
    return Extent(frozenset(before), frozenset(settled), frozenset(after))
