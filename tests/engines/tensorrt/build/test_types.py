"""Graphs typed for TensorRT: the same networks, in half precision between their first and their last product."""

from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun

from engines.onnx_files import Array, compile_graph
from engines.student import Student
from engines.tensorrt.build.plans import write_typed
from engines.tensorrt.build.types import type_graph
from training.export import example_inputs

GRAPHS = ("text", "encode", "denoise", "decode")
HALF, FLOAT = ir.DataType.FLOAT16, ir.DataType.FLOAT
WORDS = 152


class GroupNormalization(OpRun):  # type: ignore[misc]
    """As GPUs compute it, with statistics in float32: the reference sums in the type that it is given."""

    def _run(self, x: Array, scale: Array, bias: Array, epsilon: float, num_groups: int, stash_type: int = 1) -> tuple[Array]:
        groups = x.astype(np.float32).reshape(len(x), num_groups, -1)
        normed = (groups - groups.mean(2, keepdims=True)) / np.sqrt(groups.var(2, keepdims=True) + epsilon)
        scaled = normed * scale.astype(np.float32)[:, None] + bias.astype(np.float32)[:, None]
        return (scaled.reshape(x.shape).astype(x.dtype),)


@pytest.fixture(scope="session")
def files(student: Student, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The embedded student's graphs as TensorRT is given them."""
    folder = tmp_path_factory.mktemp("typed")
    assert student.graphs is not None
    for name in GRAPHS:
        write_typed(student.graphs / f"{name}.onnx", folder / f"{name}.onnx", "fp16", name)
    return {name: folder / f"{name}.onnx" for name in GRAPHS}


@pytest.fixture(scope="session")
def originals(student: Student) -> dict[str, Path]:
    assert student.graphs is not None
    return {name: student.graphs / f"{name}.onnx" for name in GRAPHS}


def typed(path: Path, precision: str) -> ir.Model:
    model = ir.load(path)
    type_graph(model, precision)
    return model


@pytest.mark.parametrize("name", GRAPHS)
def test_the_same_network(name: str, files: dict[str, Path], originals: dict[str, Path]) -> None:
    """A typed graph computes what the graph did, and is asked and answers in the same names, types and shapes."""
    inputs = example_inputs(2, WORDS, seed=5)[name]
    for wanted, got in zip(compile_graph(originals[name], 2)(inputs), compile_graph(files[name], 2)(inputs), strict=True):
        assert got.dtype == wanted.dtype
        assert got.shape == wanted.shape
        np.testing.assert_allclose(got.astype(float), wanted.astype(float), atol=1 if got.dtype == np.uint8 else 4e-3)
    for side in ("inputs", "outputs"):
        before, after = (getattr(ir.load(path).graph, side) for path in (originals[name], files[name]))
        assert [(v.name, v.dtype, v.shape) for v in after] == [(v.name, v.dtype, v.shape) for v in before]


@pytest.mark.parametrize("name", ["text", "encode", "denoise"])
def test_rounded_as_on_a_gpu(name: str, files: dict[str, Path], originals: dict[str, Path]) -> None:
    """Computed in half precision, each operator rounding, a graph is off by a thousandth of its output."""
    inputs = example_inputs(1, WORDS, seed=6)[name]
    with np.errstate(over="ignore", invalid="ignore"):  # the reference's sigmoid computes both its branches
        answers = ReferenceEvaluator(onnx.load(files[name]), new_ops=[GroupNormalization]).run(None, inputs)
    for wanted, got in zip(compile_graph(originals[name], 1)(inputs), answers, strict=True):
        assert np.sqrt(np.mean((got - wanted) ** 2)) < 1e-3 * np.sqrt(np.mean(np.square(wanted)))


@pytest.mark.parametrize(("precision", "half"), [("fp16", HALF), ("bf16", ir.DataType.BFLOAT16)])
@pytest.mark.parametrize("name", GRAPHS)
def test_products_are_in_half_precision(name: str, precision: str, half: ir.DataType, originals: dict[str, Path]) -> None:
    """Every product and norm reads and gives half precision, weights and all."""
    nodes = [
        n for n in typed(originals[name], precision).graph if n.op_type in ("Conv", "MatMul", "Gemm", "LayerNormalization")
    ]
    assert nodes
    assert {value.dtype for node in nodes for value in (*node.inputs, *node.outputs) if value is not None} == {half}


def test_the_affine_map_and_the_sinusoids_are_exact(files: dict[str, Path]) -> None:
    """The contract's map of the network's output, and what is made of the time before the network, are in float32."""
    nodes = {value.name: node for node in ir.load(files["denoise"]).graph for value in node.outputs}
    affine, waves = [nodes["x_next"]], [node for node in nodes.values() if node.op_type in ("Sin", "Cos")]
    for node in affine:  # all the way back to the cast of what the last convolution gave
        makers = [value.producer() for value in node.inputs if value is not None]
        affine += [maker for maker in makers if maker is not None and maker.op_type in ("Add", "Mul")]
    assert len(affine) == 6
    assert waves
    assert {value.dtype for node in affine + waves for value in (*node.inputs, *node.outputs) if value} == {FLOAT}


@pytest.mark.parametrize("name", GRAPHS)
def test_weights_keep_their_names_and_bytes(name: str, files: dict[str, Path], originals: dict[str, Path]) -> None:
    """Weights that are stored in half precision are the same weights, by the same names: refitting goes by them."""

    def stored(path: Path) -> dict[str, bytes]:
        tensors = {name: value.const_value for name, value in ir.load(path).graph.initializers.items()}
        return {name: t.tobytes() for name, t in tensors.items() if t is not None and t.dtype == HALF and t.size >= 8192}

    wanted, got = stored(originals[name]), stored(files[name])
    assert wanted.items() <= got.items()
    assert wanted or name == "encode"  # whose only weights are its codec's fixed waves


@pytest.mark.parametrize("name", ["encode", "decode"])
def test_bytes_are_cast_at_the_edge(name: str, files: dict[str, Path]) -> None:
    """Pixels are cast where they enter or leave, and nothing else is done to bytes: TensorRT refuses to move them."""
    touching = [
        node.op_type
        for node in ir.load(files[name]).graph
        if any(value is not None and value.dtype == ir.DataType.UINT8 for value in (*node.inputs, *node.outputs))
    ]
    assert touching == ["Cast"]


def test_full_precision_is_float(originals: dict[str, Path]) -> None:
    """In fp32 nothing is in half precision, not even the weights that are stored so."""
    graph = typed(originals["text"], "fp32").graph
    floats = {value.dtype for node in graph for value in (*node.inputs, *node.outputs) if value is not None}
    assert not floats & {HALF, ir.DataType.BFLOAT16}


def test_the_least_float_stays_a_number() -> None:
    """A mask's least float32 becomes the least half, and minus infinity stays: rows of either sum to what they did."""
    least = float(np.finfo(np.float32).min)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"]), helper.make_node("Add", ["y", "mask"], ["z"]),
         helper.make_node("Softmax", ["z"], ["s"])],
        "masked",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 2])],
        [helper.make_tensor_value_info("s", TensorProto.FLOAT, ["n", 3])],
        [helper.make_tensor("w", TensorProto.FLOAT, [2, 3], [1.0] * 6),
         helper.make_tensor("mask", TensorProto.FLOAT, [3], [0.0, least, -np.inf])],
    )  # fmt: skip
    model = ir.from_proto(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10))
    type_graph(model, "fp16")
    mask = model.graph.initializers["mask"].const_value
    assert mask is not None
    assert mask.numpy().tolist() == [0.0, -65504.0, -np.inf]


def test_a_constant_of_two_types(tmp_path: Path) -> None:
    """A constant that is wanted before and behind the first product is there in both types, under two names."""
    scale = helper.make_tensor("scale", TensorProto.FLOAT, [2], [0.1, 0.2])
    weight = helper.make_tensor("w", TensorProto.FLOAT, [2, 2], [1.0, 0.0, 0.0, 1.0])
    graph = helper.make_graph(
        [helper.make_node("Mul", ["x", "scale"], ["a"]), helper.make_node("MatMul", ["a", "w"], ["b"]),
         helper.make_node("Mul", ["b", "scale"], ["c"]), helper.make_node("MatMul", ["c", "w"], ["y"])],
        "twice",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 2])],
        [scale, weight],
    )  # fmt: skip
    model = ir.from_proto(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10))
    type_graph(model, "fp16")
    assert {name: v.dtype for name, v in model.graph.initializers.items()} == {"scale": FLOAT, "scale.float16": HALF, "w": HALF}
    ir.save(model, tmp_path / "twice.onnx")
    x = np.array([[1.0, 2.0]], dtype=np.float32)
    (y,) = compile_graph(tmp_path / "twice.onnx", 1)({"x": x})
    np.testing.assert_allclose(y, x * [0.01, 0.04], rtol=1e-3)


def test_what_has_a_type_of_its_own(tmp_path: Path) -> None:
    """The scales of a Resize stay float32 amid half precision, and a test for NaN is made of what there is."""
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["a"]), helper.make_node("Softmax", ["a"], ["s"], axis=-1),
        helper.make_node("IsNaN", ["s"], ["lost"]), helper.make_node("Where", ["lost", "zero", "s"], ["b"]),
        helper.make_node("Resize", ["b", "", "scales"], ["c"], mode="nearest"), helper.make_node("MatMul", ["c", "w"], ["y"]),
    ]  # fmt: skip
    constants = {"w": np.eye(4, dtype=np.float32), "zero": np.float32(0), "scales": np.array([1, 1, 2, 1], dtype=np.float32)}
    graph = helper.make_graph(
        nodes, "typed", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 1, 3, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 1, 6, 4])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )  # fmt: skip
    model = ir.from_proto(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10))
    ir.save(model, tmp_path / "before.onnx")
    type_graph(model, "fp16")
    ir.save(model, tmp_path / "after.onnx")
    by_type = {node.op_type: node for node in model.graph}
    assert [value.dtype for value in by_type["Resize"].inputs if value is not None] == [HALF, FLOAT]
    assert [value.dtype for value in by_type["IsNaN"].inputs if value is not None] == [HALF]
    x = np.random.default_rng(0).standard_normal((2, 1, 3, 4), dtype=np.float32)
    (wanted,), (got,) = (compile_graph(tmp_path / name, 2)({"x": x}) for name in ("before.onnx", "after.onnx"))
    np.testing.assert_allclose(got, wanted, atol=1e-3)


def test_sinusoids_of_constants_are_exact() -> None:
    """What is computed of constants alone is in float32, as SDXL's sinusoids of its sizes: half precision has no 1000.3."""
    graph = helper.make_graph(
        [helper.make_node("Shape", ["x"], ["shape"]), helper.make_node("Expand", ["sizes", "shape"], ["each"]),
         helper.make_node("Sin", ["each"], ["waves"]), helper.make_node("MatMul", ["waves", "w"], ["a"]),
         helper.make_node("MatMul", ["x", "w"], ["b"]), helper.make_node("Add", ["a", "b"], ["y"])],
        "waves",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 2])],
        [helper.make_tensor("sizes", TensorProto.FLOAT, [1, 2], [1000.3, 511.7]),
         helper.make_tensor("w", TensorProto.FLOAT, [2, 2], [1.0, 0.0, 0.0, 1.0])],
    )  # fmt: skip
    model = ir.from_proto(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10))
    type_graph(model, "fp16")
    types = {node.op_type: node.outputs[0].dtype for node in model.graph}
    assert types["Sin"] == types["Expand"] == FLOAT
    assert types["MatMul"] == HALF
