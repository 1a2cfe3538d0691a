"""The constants of a graph, in the types that they are wanted in."""

import ml_dtypes
import numpy as np
import onnx_ir as ir

FLOAT = ir.DataType.FLOAT
_LARGEST_HALF = 65504.0


class Untypable(ValueError):
    """A graph has something that this pass does not know how to type; the text names it."""


class Constants:
    """The constants of a graph, in each type that is asked for. `loaders` are the casts after weights stored as half."""

    def __init__(self, graph: ir.Graph) -> None:
        self._graph = graph
        self._stored = {value: value for value in graph.initializers.values()}
        self.loaders: set[ir.Node] = set()
        for node in graph:
            source = node.inputs[0] if node.inputs else None
            if node.op_type == "Cast" and source in self._stored and source is not None and is_float(node.outputs[0]):
                self.loaders.add(node)
                self._stored[node.outputs[0]] = source
        self._typed: dict[tuple[ir.Value, ir.DataType], ir.Value] = {}

    def __contains__(self, value: ir.Value) -> bool:
        return value in self._stored

    def typed(self, value: ir.Value, to: ir.DataType) -> ir.Value:
        """The constant in a type. The first type asked for keeps the name."""
        stored = self._stored[value]
        if (stored, to) not in self._typed:
            others = any(held is stored for held, _ in self._typed)
            self._typed[stored, to] = self._new(stored, to, f"{stored.name}.{to.name.lower()}" if others else stored.name or "")
        return self._typed[stored, to]

    def _new(self, stored: ir.Value, to: ir.DataType, name: str) -> ir.Value:
        tensor = stored.const_value
        assert tensor is not None
        if tensor.dtype == to and name == stored.name:
            return stored
        shape = ir.Shape(tensor.shape.numpy())
        typed = ir.Value(
            name=name, shape=shape, type=ir.TensorType(to),
            const_value=ir.LazyTensor(lambda: _tensor(tensor.numpy(), to, name), dtype=to, shape=shape, name=name),
        )  # fmt: skip
        self._graph.initializers[name] = typed
        return typed


def is_float(value: ir.Value) -> bool:
    """Whether a value is of a type that this pass may change. Raises Untypable."""
    if value.dtype is None:
        raise Untypable(f"the type of {value.name!r} cannot be inferred")
    return value.dtype in (FLOAT, ir.DataType.FLOAT16, ir.DataType.BFLOAT16)


def _tensor(array: np.ndarray[tuple[int, ...], np.dtype[np.generic]], to: ir.DataType, name: str) -> ir.TensorProtocol:
    wide = array.astype(np.float32)
    if to == ir.DataType.FLOAT16:
        # the least float32 is how exporters write minus infinity
        wide = np.where(np.isfinite(wide), wide.clip(-_LARGEST_HALF, _LARGEST_HALF), wide)
        return ir.tensor(wide.astype(np.float16), name=name)
    if to == ir.DataType.BFLOAT16:
        return ir.tensor(wide.astype(ml_dtypes.bfloat16), name=name)
    return ir.tensor(wide, name=name)
