"""ONNX, the interchange form: torch modules to files, weights back from files, files compiled for a comparison.

A file keeps the names of its module's own state dict, so that the module can be made again from it; big weights are
stored in half precision. Needs torch, onnx and onnxscript, of the extras that build engines.
"""

import logging
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor, nn

OPSET = 20
"""From 21 on group norms become GroupNormalization, on which OpenVINO 2026.4 crashes in float32 with fixed shapes."""

_HALF_FROM = 8192
"""Initializers with as many elements are stored in half precision; small ones cost nothing and stay exact."""
_EXTERNAL_FROM = 1 << 30
"""Bytes of weights from which they lie in a file of their own: one protobuf holds 2 GiB."""

Array = NDArray[np.generic]


def write_graph(graph: nn.Module, inputs: Mapping[str, Tensor], outputs: Sequence[str], path: Path) -> None:
    """Export a module to `path`, with a dynamic batch, dimension 0 of every input. Unverified: see `compile_graph`.

    Weights of more than a gigabyte lie beside it in `NAME.onnx.data`. Raises ValueError if a weight does not fit into
    half precision.
    """
    import onnx_ir as ir

    # What the tracer may assume, and nothing that a file keeps: a file's batch has no bound, and runs at 1 and at 64 too.
    # diffusers asks whether a batch is of 64 or more before it enlarges an image, and torch holds 1 apart. A range across
    # 64 is traced in vain and once more by a slower way; this one gives the same files in a quarter less time.
    batch = torch.export.Dim("n", min=2, max=63)
    for talkative in ("torch.onnx", "onnxscript", "onnx_ir"):  # about torchvision's absence, and about each node
        logging.getLogger(talkative).setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            graph,
            tuple(inputs.values()),
            dynamo=True,
            verbose=False,
            optimize=False,
            opset_version=OPSET,
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_shapes=({0: batch},) * len(inputs),
        )
    if program is None:
        raise RuntimeError("torch exported nothing")
    model = program.model
    _fold(model, set(graph.state_dict()))
    size = _store_half(model)
    data = path.with_name(path.name + ".data")
    data.unlink(missing_ok=True)
    if size < _EXTERNAL_FROM:
        ir.save(model, path)
    else:
        ir.save(model, path, external_data=data.name)
    onnx.checker.check_model(str(path))


def read_weights(path: Path) -> dict[str, Tensor]:
    """The weights in a file by name, as float32; whole numbers as they are. Raises FileNotFoundError."""
    tensors = {t.name: torch.from_numpy(numpy_helper.to_array(t).copy()) for t in onnx.load(path).graph.initializer}
    return {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in tensors.items()}


def load_weights(module: nn.Module, weights: Mapping[str, Tensor], prefix: str) -> None:
    """Fill a module from the weights under `prefix`. Raises RuntimeError if one is missing or of another shape."""
    known = module.state_dict().keys()  # a graph also holds constants that its module computes for itself
    own = {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}
    module.load_state_dict({name: value for name, value in own.items() if name in known})


def compile_graph(path: Path, n: int, precision: str = "f32") -> Callable[[Mapping[str, Array]], list[Array]]:
    """A graph for a batch of n on OpenVINO's CPU, with fixed shapes as the engine has it: inputs by name to outputs."""
    import openvino

    core = openvino.Core()
    model = core.read_model(path)
    model.reshape({port: [n, *(d.get_length() for d in list(port.get_partial_shape())[1:])] for port in model.inputs})
    compiled = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": 1})

    def run(inputs: Mapping[str, Array]) -> list[Array]:
        return [np.asarray(value) for value in compiled(dict(inputs)).values()]

    return run


def _fold(model: Any, keep: set[str]) -> None:
    """Fold constants, but none of the named weights: the exporter's own optimizer transposes them and drops their names."""
    from onnx_ir.passes.common import ClearMetadataAndDocStringPass
    from onnxscript import optimizer

    def should_fold(node: Any) -> bool | None:
        return False if any(v and v.name in keep for v in node.inputs) else None

    optimizer.inline(model)
    optimizer.fold_constants_ir(model, onnx_shape_inference=True, should_fold=should_fold)
    optimizer.remove_unused_nodes(model)
    # the exporter notes the source line of every node, with its path on this machine
    ClearMetadataAndDocStringPass()(model)


def _store_half(model: Any) -> int:
    """Store the big weights as float16, each followed by a Cast to float32. The bytes of all weights."""
    import onnx_ir as ir

    size, casts = 0, []
    graph = model.graph
    for name, value in list(graph.initializers.items()):
        tensor = value.const_value
        if tensor.dtype != ir.DataType.FLOAT or tensor.size < _HALF_FROM:
            size += tensor.nbytes
            continue
        half = tensor.numpy().astype(np.float16)
        if not np.isfinite(half).all():
            raise ValueError(f"{name} does not fit into half precision")
        size += half.nbytes
        stored = ir.Value(
            name=name, shape=value.shape, type=ir.TensorType(ir.DataType.FLOAT16), const_value=ir.tensor(half, name=name)
        )
        cast = ir.node("Cast", [stored], {"to": ir.DataType.FLOAT}, num_outputs=1)
        cast.outputs[0].name = f"{name}.float32"
        cast.outputs[0].type, cast.outputs[0].shape = ir.TensorType(ir.DataType.FLOAT), value.shape
        value.replace_all_uses_with(cast.outputs[0])
        del graph.initializers[name]
        graph.initializers[name] = stored
        casts.append(cast)
    if casts:
        graph.insert_before(graph[0], casts)
    return size
