"""Where in a graph the network lies, in graphs small enough to be written down."""

from engines.extent import extent

GRAPH = {
    "scaled": ["input"],
    "sine": ["scaled"],
    "table": [],
    "moved": ["table"],
    "embedded": ["sine", "moved"],
    "product": ["embedded"],
    "activated": ["product"],
    "mixed": ["activated", "moved"],
    "norm": ["mixed"],
    "behind": ["norm"],
    "affine": ["behind", "scaled"],
}
"""Node to what it reads, in the order of computation; "input" is of the graph."""


def _found() -> dict[str, set[str]]:
    users = {node: {user for user, read in GRAPH.items() if node in read} for node in GRAPH}
    outside = extent(
        list(GRAPH),
        lambda node: node in ("product", "norm"),
        lambda node: {None if read == "input" else read for read in GRAPH[node]},
        lambda node: users[node],
    )
    return {"before": set(outside.before), "settled": set(outside.settled), "after": set(outside.after)}


def test_what_lies_before() -> None:
    """Whatever reaches an input without a product, and what is made of constants alone."""
    found = _found()
    assert found["before"] == {"scaled", "sine", "embedded"}
    assert found["settled"] == {"table", "moved"}


def test_what_lies_behind() -> None:
    """Whatever reaches no further product or norm, but for those that are inputs of one as well."""
    assert _found()["after"] == {"behind", "affine"}


def test_the_network_is_what_is_left() -> None:
    """Products, norms and what lies between them."""
    assert set(GRAPH) - set().union(*_found().values()) == {"product", "activated", "mixed", "norm"}
