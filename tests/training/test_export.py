from pathlib import Path

import onnx
import pytest
import torch

from engines.families.embedded.modules import read_modules
from engines.families.modules import GraphModules
from engines.ports import GRAPHS
from engines.students import load_student
from training.export import export, verify

SHIPPED = load_student("embedded").graphs


@pytest.fixture(scope="module")
def shipped() -> GraphModules:
    return read_modules(SHIPPED)


def test_the_shipped_graphs_are_what_torch_computes(shipped: GraphModules) -> None:
    off = verify(shipped, SHIPPED)
    assert max(off["conditioning"], off["latents"], off["x0"], off["x_next"]) < 2e-3
    assert off["pixels"] <= 1


def test_the_shipped_graphs_are_small_and_say_nothing_of_where_they_were_made() -> None:
    files = [SHIPPED / f"{name}.onnx" for name in GRAPHS]
    assert sum(path.stat().st_size for path in files) < 40e6
    for path in files:
        model = onnx.load(path)
        assert not any(node.metadata_props or node.doc_string for node in model.graph.node)
        assert not model.metadata_props


def test_the_shipped_graphs_have_the_students_shapes() -> None:
    student = load_student("embedded")
    shapes = {}
    for name in GRAPHS:
        graph = onnx.load(SHIPPED / f"{name}.onnx").graph
        for value in (*graph.input, *graph.output):
            dimensions = value.type.tensor_type.shape.dim
            assert dimensions[0].dim_param, f"the batch of {value.name} is not dynamic"
            shapes[value.name] = tuple(d.dim_value for d in dimensions[1:])
    picture = (student.height, student.width, 3)
    one = dict.fromkeys(("t", "A", "B", "alpha_next", "sigma_next"), ())
    latents = dict.fromkeys(("latents", "x", "noise_next", "x0", "x_next"), student.latent_shape)
    assert shapes == {"ids": (24,), "conditioning": student.text_shape, "pixels": picture, **one, **latents}


def test_no_graph_needs_what_backends_lack() -> None:
    for name in GRAPHS:
        kinds = {node.op_type for node in onnx.load(SHIPPED / f"{name}.onnx").graph.node}
        assert not any("Sequence" in kind or kind in {"If", "Loop", "CastLike"} for kind in kinds)


def test_modules_survive_a_round_trip(shipped: GraphModules, tmp_path: Path) -> None:
    export(shipped, tmp_path)
    again = read_modules(tmp_path)
    for name in GRAPHS:
        before, after = (getattr(modules, name).state_dict() for modules in (shipped, again))
        assert before.keys() == after.keys()
        assert all(torch.equal(before[key], after[key]) for key in before)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*(f"{name}.onnx" for name in GRAPHS), "tokenizer.json"])
