"""Bytes where TensorRT has them: as a graph's inputs and outputs, cast at once, and never moved."""

import onnx_ir as ir

MOVES = frozenset(
    {"Concat", "Expand", "Flatten", "Gather", "Identity", "Pad", "Reshape", "Slice", "Split", "Squeeze", "Tile",
     "Transpose", "Unsqueeze"}
)  # fmt: skip
"""Operators that compute nothing."""


def bytes_at_the_edges(graph: ir.Graph) -> None:
    """Let bytes be cast where they enter and leave: TensorRT has them as inputs and outputs, and moves none."""
    for node in [node for node in graph if node.op_type == "Cast"]:
        cast = node
        while (mover := _byte_mover(cast.inputs[0].producer() if cast.inputs[0] else None)) is not None:
            cast = _swapped(graph, mover, cast)[0]
        while len(uses := list(cast.outputs[0].uses())) == 1 and (mover := _byte_mover(uses[0].node)) is not None:
            cast = _swapped(graph, cast, mover)[1]


def _byte_mover(node: ir.Node | None) -> ir.Node | None:
    if node is None or node.op_type not in MOVES or len(node.outputs) != 1:
        return None
    return node if node.outputs[0].dtype == ir.DataType.UINT8 else None


def _swapped(graph: ir.Graph, first: ir.Node, second: ir.Node) -> tuple[ir.Node, ir.Node]:
    """Two nodes, of which the second takes the first's output, made again in the other order: now first, and second."""
    cast, last = (second if second.op_type == "Cast" else first), second.outputs[0]
    made = []
    source = first.inputs[0]
    for node in (second, first):
        node = ir.node(node.op_type, [source, *node.inputs[1:]], node.attributes, name=node.name)
        source = node.outputs[0]
        made.append(node)
    between, end = (node.outputs[0] for node in made)
    before, after = cast.inputs[0], cast.outputs[0]
    assert before is not None
    assert first.inputs[0] is not None
    # what is moved is now what it was cast to, or has not been cast yet
    moved = after if cast is second else before
    assert moved.dtype is not None
    between.type = ir.TensorType(moved.dtype)
    between.shape = first.inputs[0].shape if cast is second else last.shape
    between.name = f"{last.name}.moved"
    end.type, end.shape, end.name, last.name = last.type, last.shape, last.name, None
    graph.insert_after(second, made)
    last.replace_all_uses_with(end, replace_graph_outputs=True)
    for node in (second, first):
        if not any(list(value.uses()) for value in node.outputs):
            graph.remove(node, safe=True)
    return made[0], made[1]
