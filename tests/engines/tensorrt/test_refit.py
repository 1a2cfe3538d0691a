"""Plans without weights, and weights for them."""

import ctypes
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import ml_dtypes
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from engines.errors import EngineError
from engines.tensorrt.refit import bare_graph, refit
from tests.engines.tensorrt.flavours import stand_in

WEIGHT = (np.arange(96 * 96, dtype=np.float32).reshape(96, 96) / 9216).astype(np.float16)
SIZES = {"HALF": (np.float16, 2), "BF16": (ml_dtypes.bfloat16, 2), "FLOAT": (np.float32, 4)}


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    """A graph with one big weight, called "big", and one small."""
    small = numpy_helper.from_array(np.ones(4, dtype=np.float32), "small")
    path = tmp_path / "denoise.onnx"
    made = helper.make_graph(
        [helper.make_node("MatMul", ["x", "big"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT16, ["n", 96])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT16, ["n", 96])],
        [numpy_helper.from_array(WEIGHT, "big"), small],
    )
    onnx.save(helper.make_model(made, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path)
    return path


class Refitter:
    """An engine that lacks weights, of which it says names, types and counts."""

    def __init__(self, lacking: dict[str, tuple[str, int]], works: bool = True) -> None:
        self._lacking, self._works = lacking, works
        self.got: dict[str, Any] = {}

    def get_missing_weights(self) -> list[str]:
        return list(self._lacking)

    def get_weights_prototype(self, name: str) -> Any:
        return SimpleNamespace(dtype=self._lacking[name][0], size=self._lacking[name][1])

    def set_named_weights(self, name: str, weights: tuple[str, int, int]) -> bool:
        self.got[name] = weights
        return True

    def refit_cuda_engine(self) -> bool:
        # read now, as TensorRT does: what was set is kept alive by who set it
        for name, (kind, address, count) in self.got.items():
            dtype, width = SIZES[kind]
            self.got[name] = np.frombuffer(ctypes.string_at(address, count * width), dtype=dtype)
        return self._works


def fitted(refitter: Refitter, graph: Path) -> Refitter:
    types = SimpleNamespace(HALF="HALF", BF16="BF16", FLOAT="FLOAT")
    flavour = stand_in(Refitter=lambda engine, logger: refitter, DataType=types, Weights=lambda *of: of)
    refit(flavour, SimpleNamespace(errors=["too few"]), object(), graph)
    return refitter


@pytest.mark.parametrize("kind", SIZES)
def test_weights_in_the_type_of_the_engine(kind: str, graph: Path) -> None:
    """An engine gets the weights that it lacks from its student's graph, in the type that it computes in."""
    got = fitted(Refitter({"big": (kind, WEIGHT.size)}), graph).got
    np.testing.assert_array_equal(got["big"].astype(np.float32), WEIGHT.ravel().astype(SIZES[kind][0]).astype(np.float32))


def test_a_weight_of_two_types(graph: Path) -> None:
    """A weight that a network needs in two types is found for the second too."""
    got = fitted(Refitter({"big": ("HALF", WEIGHT.size), "big.float": ("FLOAT", WEIGHT.size)}), graph).got
    assert got["big.float"].dtype == np.float32


@pytest.mark.parametrize("lacking", [{"gone": ("HALF", WEIGHT.size)}, {"big": ("HALF", 5)}])
def test_another_network(lacking: dict[str, tuple[str, int]], graph: Path) -> None:
    """A weight that is not there, or of another size, is named."""
    name = next(iter(lacking))
    with pytest.raises(EngineError, match=rf"denoise.onnx has no weight {name} of \d+ numbers.*build again"):
        fitted(Refitter(lacking), graph)


def test_a_refusal(graph: Path) -> None:
    """What TensorRT says when it refuses is said."""
    with pytest.raises(EngineError, match=r"TensorRT 10.13.3.9 could not refit the denoise engine: too few"):
        fitted(Refitter({"big": ("HALF", WEIGHT.size)}, works=False), graph)


def test_a_bare_graph(graph: Path) -> None:
    """A graph without its weights is small, and of its weights' shapes."""
    model = onnx.load_from_string(bare_graph(graph))
    assert {tensor.name: list(tensor.dims) for tensor in model.graph.initializer} == {"big": [96, 96], "small": [4]}
    assert len(bare_graph(graph)) < 1000
