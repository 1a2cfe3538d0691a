"""Weights apart from plans: a stripped plan is of a graph's structure, and gets its weights when it is loaded."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import onnx_ir as ir
from numpy.typing import DTypeLike, NDArray

from ..errors import EngineError
from .flavour import Flavour

BIG = 8192
"""Elements from which a weight is refitted; smaller ones stay in the plan. What a LoRA changes is larger."""


def big_weights(model: ir.Model) -> Iterator[tuple[str, ir.TensorProtocol]]:
    """The weights that are refitted, by name."""
    for name, value in model.graph.initializers.items():
        tensor = value.const_value
        if tensor is not None and tensor.size >= BIG and tensor.dtype.is_floating_point():
            yield name, tensor


def bare_graph(path: Path) -> bytes:
    """A graph's file with the values of its big weights left out."""
    model = ir.load(path)
    for name, tensor in list(big_weights(model)):
        # of the shape and the type, but lying nowhere: it is never read
        model.graph.initializers[name].const_value = ir.ExternalTensor(
            "left out", 0, 0, tensor.dtype, shape=ir.Shape(tensor.shape.numpy()), name=name
        )
    return bytes(ir.to_proto(model).SerializeToString(deterministic=True))


def refit(flavour: Flavour, logger: Any, engine: Any, graph: Path) -> None:
    """Give a stripped engine the weights in a student's graph. Raises EngineError naming what is lacking.

    `engine` is what a plan was deserialised to, `logger` of `make_logger`.
    """
    trt = flavour.module
    weights = dict(big_weights(ir.load(graph)))
    refitter = trt.Refitter(engine, logger)
    kept: list[NDArray[Any]] = []  # it reads them when it refits, not before
    for name in refitter.get_missing_weights():
        wanted = refitter.get_weights_prototype(name)
        # a weight that is needed in two types has the second's name behind its own
        tensor = weights.get(name, weights.get(name.rpartition(".")[0]))
        if tensor is None or tensor.size != wanted.size:
            raise EngineError(
                f"{graph} has no weight {name} of {wanted.size} numbers, as its engine was built for: build again"
            )
        array = np.ascontiguousarray(tensor.numpy().astype(_numpy_type(trt, wanted.dtype)))
        kept.append(array)
        refitter.set_named_weights(name, trt.Weights(wanted.dtype, array.ctypes.data, array.size))
    if not refitter.refit_cuda_engine():
        raise EngineError(f"{flavour.title} could not refit the {graph.stem} engine: {'; '.join(logger.errors)}")


def _numpy_type(trt: Any, dtype: Any) -> DTypeLike:
    types: dict[Any, DTypeLike] = {trt.DataType.HALF: np.float16, trt.DataType.BF16: ml_dtypes.bfloat16}
    return types.get(dtype, np.float32)
