"""Group norms as one operator: exporters write them around an InstanceNormalization of a reshaped map.

TensorRT convolves channels last, where the reshape to groups is a copy of the map, there and back, for each of a UNet's 61
group norms. Written as GroupNormalization of opset 18 to 20, with ones and zeros of each group; what scales and shifts each
channel stays behind it.
"""

import onnx_ir as ir

_OPSETS = range(18, 21)
"""From 21 on the operator scales channels, not groups."""


def whole_group_norms(model: ir.Model) -> int:
    """Rewrite the group norms of a graph in place; how many there were."""
    if model.opset_imports.get("", 0) not in _OPSETS:
        return 0
    found = 0
    for node in list(model.graph):
        if node.op_type == "InstanceNormalization" and (ends := _ends(node)) is not None:
            _replace(model.graph, node, *ends)
            found += 1
    return found


def _ends(norm: ir.Node) -> tuple[ir.Value, ir.Value] | None:
    """What is normed and what comes of it, if this is a group norm: x -> [n, groups, -1] -> norm -> the shape of x."""
    grouped, scale = norm.inputs[0], norm.inputs[1]
    into = grouped.producer() if grouped is not None else None
    uses = list(norm.outputs[0].uses())
    if into is None or into.op_type != "Reshape" or len(uses) != 1 or uses[0].node.op_type != "Reshape":
        return None
    x, to = into.inputs[0], into.inputs[1]
    back = uses[0].node
    shape = back.inputs[1].producer() if back.inputs[1] is not None else None
    if x is None or shape is None or shape.op_type != "Shape" or shape.inputs[0] is not x:
        return None
    if "end" in shape.attributes or ("start" in shape.attributes and shape.attributes["start"].as_int() != 0):
        return None
    wanted = ir.convenience.get_const_tensor(to) if to is not None else None
    groups = scale.shape[0] if scale is not None and scale.shape is not None else None
    if wanted is None or wanted.numpy().tolist() != [0, groups, -1]:
        return None
    return x, back.outputs[0]


def _replace(graph: ir.Graph, norm: ir.Node, x: ir.Value, out: ir.Value) -> None:
    scale = norm.inputs[1]
    assert scale is not None
    assert scale.shape is not None
    attributes = {"num_groups": scale.shape[0], **{a.name: a.value for a in norm.attributes.values()}}
    new = ir.node("GroupNormalization", [x, *norm.inputs[1:]], attributes, name=norm.name)
    whole = new.outputs[0]
    whole.name, whole.type, whole.shape, out.name = out.name, out.type, out.shape, f"{out.name}.parts"
    graph.insert_after(norm, new)
    out.replace_all_uses_with(whole, replace_graph_outputs=True)
