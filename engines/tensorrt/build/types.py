"""Graphs typed for TensorRT: our ONNX files compute in float32, and a strongly typed build computes what it reads.

What that is in half precision, and why no more, is said in `engines.extent`. Inputs and outputs keep their types and names,
and weights their names, so that an engine can be refitted by them.
"""

import onnx_ir as ir
from onnx_ir.passes.common import (
    LiftConstantsToInitializersPass,
    RemoveUnusedNodesPass,
    ShapeInferencePass,
    TopologicalSortPass,
)

from ...extent import extent
from .bytes import MOVES, bytes_at_the_edges
from .constants import FLOAT, Constants, Untypable, is_float

HALVES = {"fp16": ir.DataType.FLOAT16, "bf16": ir.DataType.BFLOAT16}

_PRODUCTS = frozenset({"Attention", "Conv", "ConvTranspose", "Einsum", "Gemm", "MatMul"})
_NORMS = frozenset({"GroupNormalization", "InstanceNormalization", "LayerNormalization", "RMSNormalization", "Softmax"})
_NOT_IN_HALF = {"bf16": frozenset({"ConvTranspose"})}
"""TensorRT-RTX has no kernel for these in that precision."""
_ALWAYS_FLOAT = {"Resize": (1, 2)}
"""Inputs whose type does not follow the data's: the region and the scales of a Resize."""


def type_graph(model: ir.Model, precision: str) -> None:
    """Type a graph in place: "fp16", "bf16", or "fp32", which only makes it one that TensorRT takes.

    Raises Untypable.
    """
    for node in model.graph:
        if any(a.type in (ir.AttributeType.GRAPH, ir.AttributeType.GRAPHS) for a in node.attributes.values()):
            raise Untypable(f"{node.op_type} {node.name!r} holds a graph of its own: export without control flow")
    LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0)(model)
    ShapeInferencePass()(model)
    bytes_at_the_edges(model.graph)
    constants = Constants(model.graph)
    half = _half_nodes(model.graph, constants) if precision != "fp32" else set()
    half = {node for node in half if node.op_type not in _NOT_IN_HALF.get(precision, ())}
    _rewrite(model.graph, constants, half, HALVES.get(precision, FLOAT))
    RemoveUnusedNodesPass()(model)
    TopologicalSortPass()(model)


def _rewrite(graph: ir.Graph, constants: Constants, half: set[ir.Node], half_type: ir.DataType) -> None:
    """Give every float value the type of its node, with casts where two types meet."""
    casts: dict[tuple[ir.Value, ir.DataType], ir.Value] = {}

    def cast(value: ir.Value, to: ir.DataType) -> ir.Value:
        if (value, to) not in casts:
            node = ir.node("Cast", [value], {"to": to}, name=f"{value.name}.cast")
            new = node.outputs[0]
            new.name, new.type, new.shape = f"{value.name}.{to.name.lower()}", ir.TensorType(to), value.shape
            producer = value.producer()
            if producer is None:
                graph.insert_before(graph[0], [node])
            else:
                graph.insert_after(producer, [node])
            casts[value, to] = new
        return casts[value, to]

    nodes = [node for node in graph if node not in constants.loaders]
    homes = {value: half_type if node in half else FLOAT for node in nodes for value in node.outputs if is_float(value)}
    for node in nodes:
        own = half_type if node in half else FLOAT
        if not any(is_float(value) for value in node.outputs):  # a Shape, or a comparison: takes what there is
            own = next((homes[value] for value in node.inputs if value in homes), FLOAT)
        for i, value in enumerate(node.inputs):
            if value is None or not is_float(value):
                continue
            wanted = FLOAT if i in _ALWAYS_FLOAT.get(node.op_type, ()) else own
            if value in constants:
                node.replace_input_with(i, constants.typed(value, wanted))
            elif homes.get(value, FLOAT) != wanted:
                node.replace_input_with(i, cast(value, wanted))
        _retype(node, own)
    for i, value in enumerate(graph.outputs):
        if homes.get(value, FLOAT) != FLOAT:
            name = value.name
            value.name = f"{name}.{half_type.name.lower()}"
            graph.outputs[i] = cast(value, FLOAT)
            graph.outputs[i].name = name


def _retype(node: ir.Node, to: ir.DataType) -> None:
    for value in node.outputs:
        if is_float(value):
            value.type = ir.TensorType(to)
    if node.op_type == "Cast" and node.attributes["to"].as_int() == FLOAT:
        node.attributes["to"] = ir.AttrInt64("to", to)


# which nodes --------------------------------------------------------------------------------------------------------


def _half_nodes(graph: ir.Graph, constants: Constants) -> set[ir.Node]:
    nodes = [node for node in graph if node not in constants.loaders and any(is_float(value) for value in node.outputs)]

    def makers(node: ir.Node) -> set[ir.Node | None]:
        data = [value for value in node.inputs if value is not None and is_float(value) and value not in constants]
        return {value.producer() for value in data}

    outside = extent(nodes, lambda node: node.op_type in _PRODUCTS | _NORMS, makers, _users)
    full = set(outside.before | outside.after)
    for node in reversed(nodes):
        # what is made of constants alone: moved, it is of the type of whoever wants it; computed, it is exact
        if (
            node in outside.settled
            and node not in full
            and node.op_type != "Gather"
            and (node.op_type not in MOVES | {"Cast"} or _users(node) <= full)
        ):
            full.add(node)
    return set(nodes) - full


def _users(node: ir.Node) -> set[ir.Node]:
    return {user for value in node.outputs for user, _ in value.uses()}
