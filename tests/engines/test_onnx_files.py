"""ONNX files of Stable Diffusion's networks: the batch is free, also beyond what the exporter was told, and traced once."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import openvino
import pytest
import torch
from torch import Tensor

from engines.families.stable_diffusion.build import OUTPUTS, example_inputs
from engines.families.stable_diffusion.graphs import Modules, modules_around
from engines.onnx_files import compile_graph, write_graph
from engines.student import Student
from engines.students import load_student
from tests.engines.families.stable_diffusion.published import TOKENS, networks

SIDE = 64


class Exported:
    """The graphs of one small model: the modules, their files, and how often each was traced."""

    def __init__(self, folder: Path) -> None:
        torch.manual_seed(0)
        made = networks("sd15")
        self.modules: Modules = modules_around(made["unet"], made["vae"], [made["text_encoder"]], SIDE, SIDE)
        self.student: Student = replace(load_student("sd-turbo"), width=SIDE, height=SIDE, latent_shape=(4, 8, 8))
        self.folder, self.traced = folder, dict.fromkeys(OUTPUTS, 0)

    def inputs(self, graph: str, n: int) -> Mapping[str, Tensor]:
        torch.manual_seed(n)
        made = example_inputs(self.modules, self.student, TOKENS, n)[graph]
        # ids and pixels are zeros: rows that differ tell whether one is taken for another
        return {
            name: value if value.is_floating_point() else torch.randint(0, 256, value.shape).to(value.dtype)
            for name, value in made.items()
        }

    def write(self, graph: str) -> Path:
        path = self.folder / f"{graph}.onnx"
        if not path.exists():
            with pytest.MonkeyPatch.context() as patch:
                trace = torch.export.export

                def counted(*given: Any, **named: Any) -> Any:
                    self.traced[graph] += 1
                    return trace(*given, **named)

                patch.setattr(torch.export, "export", counted)
                write_graph(getattr(self.modules, graph), self.inputs(graph, 2), OUTPUTS[graph], path)
        return path


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """A model in Stable Diffusion 1.5's shape, its graphs written when they are asked for."""
    return Exported(tmp_path_factory.mktemp("graphs"))


@pytest.mark.parametrize("graph", OUTPUTS)
def test_the_batch_is_free(graph: str, exported: Exported) -> None:
    """Every input and output has a batch with a name and without a bound, and nothing checks it when the graph runs."""
    path = exported.write(graph)
    model = onnx.load(path)
    for value in (*model.graph.input, *model.graph.output):
        assert value.type.tensor_type.shape.dim[0].dim_param, value.name
    assert not {node.op_type for node in model.graph.node} & {"If", "Loop", "Assert"}
    for port in openvino.Core().read_model(path).inputs:
        batch = port.get_partial_shape()[0]
        assert (batch.get_min_length(), batch.get_max_length()) == (0, -1), port


@pytest.mark.parametrize("n", [1, 3, 64, 65])
@pytest.mark.parametrize("graph", OUTPUTS)
def test_batches_beyond_what_the_exporter_was_told(graph: str, n: int, exported: Exported) -> None:
    """A batch of one, and those from 64 on that diffusers treats otherwise, give what torch gives."""
    inputs = exported.inputs(graph, n)
    with torch.no_grad():
        wanted = getattr(exported.modules, graph)(*inputs.values())
    wanted = wanted if isinstance(wanted, tuple) else (wanted,)
    got = compile_graph(exported.write(graph), n)({name: value.numpy() for name, value in inputs.items()})
    for ours, theirs in zip(got, wanted, strict=True):
        assert ours.shape == tuple(theirs.shape)
        # weights are kept in half precision; a pixel on the edge between two values may fall either way
        off = np.abs(ours.astype(np.float32) - theirs.float().numpy()).max()
        assert off <= (1 if ours.dtype == np.uint8 else 2e-3)


@pytest.mark.parametrize("graph", ["denoise", "decode"])
def test_a_graph_is_traced_once(graph: str, exported: Exported) -> None:
    """No first attempt fails: a trace of a full UNet takes a minute."""
    exported.write(graph)
    assert exported.traced[graph] == 1
