"""Group norms as one operator."""

from pathlib import Path

import numpy as np
import onnx_ir as ir
import pytest
from onnx import TensorProto, helper

from engines.onnx_files import compile_graph
from engines.student import Student
from engines.tensorrt.build.norms import whole_group_norms
from training.export import example_inputs


def test_all_of_a_network(student: Student, tmp_path: Path) -> None:
    """Each group norm of a network is one operator of its groups, and the network computes what it did."""
    assert student.graphs is not None
    path = student.graphs / "denoise.onnx"
    model = ir.load(path)
    assert whole_group_norms(model) == 21
    whole = [node for node in model.graph if node.op_type == "GroupNormalization"]
    assert {node.attributes["num_groups"].as_int() for node in whole} == {8}
    ir.save(model, tmp_path / "denoise.onnx")
    inputs = example_inputs(2, 152, seed=3)["denoise"]
    wanted, got = (compile_graph(file, 2)(inputs) for file in (path, tmp_path / "denoise.onnx"))
    for a, b in zip(wanted, got, strict=True):
        np.testing.assert_allclose(b, a, atol=1e-4)


def normed(to: list[int], back: str, opset: int = 20) -> ir.Model:
    """A norm between two reshapes, the second to the shape of `back`."""
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 8, 4, 4]) for name in ("x", "other", "y")]
    graph = helper.make_graph(
        [helper.make_node("Reshape", ["x", "to"], ["grouped"]),
         helper.make_node("InstanceNormalization", ["grouped", "ones", "zeros"], ["normed"], epsilon=1e-6),
         helper.make_node("Shape", [back], ["shape"]),
         helper.make_node("Reshape", ["normed", "shape"], ["y"])],
        "norm", values[:2], values[2:],
        [helper.make_tensor("to", TensorProto.INT64, [3], to), helper.make_tensor("ones", TensorProto.FLOAT, [2], [1.0, 1.0]),
         helper.make_tensor("zeros", TensorProto.FLOAT, [2], [0.0, 0.0])],
    )  # fmt: skip
    return ir.from_proto(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10))


def test_a_group_norm() -> None:
    """A norm of reshaped groups is found, with its epsilon."""
    model = normed([0, 2, -1], "x")
    assert whole_group_norms(model) == 1
    (new,) = [node for node in model.graph if node.op_type == "GroupNormalization"]
    assert new.attributes["epsilon"].as_float() == pytest.approx(1e-6)


@pytest.mark.parametrize(
    ("to", "back", "opset"),
    [([0, 4, -1], "x", 20), ([2, -1, 64], "x", 20), ([0, 2, -1], "other", 20), ([0, 2, -1], "x", 21)],
    ids=["not its groups", "another shape", "not back to its input", "where the operator means something else"],
)
def test_what_is_no_group_norm(to: list[int], back: str, opset: int) -> None:
    """Norms that only look alike stay as they are."""
    model = normed(to, back, opset)
    assert whole_group_norms(model) == 0
    assert "GroupNormalization" not in {node.op_type for node in model.graph}
