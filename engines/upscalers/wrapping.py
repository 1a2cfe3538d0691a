"""Anybody's graph of pixels with bytes around it, as a file: what TensorRT builds a plan of."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir

from ..errors import EngineError
from ..explain import first_line
from .files import ENLARGED, PIXELS

_LEAST_OPSET = 11
"""From which on the bounds of a Clip are inputs."""


def wrap(path: Path, to: Path, across: int, down: int, what: str) -> None:
    """Write a graph, float32 [n, 3, h, w] in 0..1 to the same, as uint8 [n, down, across, 3] to the same.

    Raises EngineError if it is of another type or too old, and OSError where it cannot be written.
    """
    try:
        model = ir.load(path)
    except Exception as error:  # whatever bytes that are no graph lead a parser to
        raise EngineError(f"{what}: {path} is no graph that can be read ({first_line(error)}): export it again") from error
    graph = model.graph
    [given], [made] = graph.inputs, graph.outputs
    if given.dtype != ir.DataType.FLOAT or model.opset_imports.get("", 0) < _LEAST_OPSET:
        raise EngineError(
            f"{what} is of opset {model.opset_imports.get('', 0)} and takes {given.dtype}: for TensorRT export it in float32, "
            f"of opset {_LEAST_OPSET} or newer"
        )
    for node in graph:  # at other sides than those it was exported for
        for value in node.outputs:
            value.shape = None
    pixels = ir.Value(name=PIXELS, shape=ir.Shape(["n", down, across, 3]), type=ir.TensorType(ir.DataType.UINT8))
    graph.inputs[:] = [pixels]
    full, least, most = (_constant(graph, name, value) for name, value in (("full", 255.0), ("least", 0.0), ("most", 1.0)))
    before = _chain(
        pixels, ("Cast", [], {"to": ir.DataType.FLOAT}), ("Transpose", [], {"perm": [0, 3, 1, 2]}), ("Div", [full], {})
    )
    given.replace_all_uses_with(before[-1].outputs[0])
    after = _chain(
        made, ("Clip", [least, most], {}), ("Mul", [full], {}), ("Round", [], {}), ("Cast", [], {"to": ir.DataType.UINT8}),
        ("Transpose", [], {"perm": [0, 2, 3, 1]}),
    )  # fmt: skip
    graph.insert_before(graph[0], before)
    graph.extend(after)
    out = after[-1].outputs[0]
    out.name, out.type = ENLARGED, ir.TensorType(ir.DataType.UINT8)
    graph.outputs[:] = [out]
    ir.save(model, to)


def _constant(graph: ir.Graph, name: str, value: float) -> ir.Value:
    tensor = ir.tensor(np.array(value, np.float32), name=f"allaprima.{name}")
    made = ir.Value(name=tensor.name, shape=ir.Shape([]), type=ir.TensorType(ir.DataType.FLOAT), const_value=tensor)
    graph.initializers[f"allaprima.{name}"] = made
    return made


def _chain(value: ir.Value, *nodes: tuple[str, list[ir.Value], dict[str, Any]]) -> list[ir.Node]:
    """Nodes one after the other, each with what it takes beside what the one before it gives."""
    made = []
    for at, (kind, beside, attributes) in enumerate(nodes):
        node = ir.node(kind, [value, *beside], attributes, name=f"{value.name}.{kind}{at}")
        value = node.outputs[0]
        value.name = f"allaprima.{node.name}"
        made.append(node)
    return made
