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

from engines.examples import example_inputs
from engines.families.modules import GraphModules
from engines.families.stable_diffusion.graphs import modules_around
from engines.graphs import ports
from engines.onnx_files import compile_graph, write_graph
from engines.ports import GRAPHS, outputs
from engines.student import Student
from engines.students import load_student
from tests.engines.families.stable_diffusion.published import TOKENS, networks

SIDE = 64


class Exported:
    """The graphs of one small model: the modules, their files, and how often each was traced."""

    def __init__(self, folder: Path) -> None:
        torch.manual_seed(0)
        made = networks("sd15")
        self.modules: GraphModules = modules_around(made["unet"], made["vae"], [made["text_encoder"]], SIDE, SIDE)
        self.student: Student = replace(
            load_student("sd-turbo"), width=SIDE, height=SIDE, latent_shape=(4, 8, 8), text_shape=(TOKENS, 32)
        )
        self.folder, self.traced = folder, dict.fromkeys(GRAPHS, 0)

    def inputs(self, graph: str, n: int) -> Mapping[str, Tensor]:
        made = {name: torch.from_numpy(value) for name, value in example_inputs(ports(self.student), n, seed=n)[graph].items()}
        # ids are zeros: rows that differ tell whether one is taken for another
        torch.manual_seed(n)
        return {name: torch.randint_like(value, 256) if name == "ids" else value for name, value in made.items()}

    def write(self, graph: str) -> Path:
        path = self.folder / f"{graph}.onnx"
        if not path.exists():
            with pytest.MonkeyPatch.context() as patch:
                trace = torch.export.export

                def counted(*given: Any, **named: Any) -> Any:
                    self.traced[graph] += 1
                    return trace(*given, **named)

                patch.setattr(torch.export, "export", counted)
                write_graph(
                    getattr(self.modules, graph), self.inputs(graph, 2), list(outputs(ports(self.student)[graph])), path
                )
        return path


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """A model in Stable Diffusion 1.5's shape, its graphs written when they are asked for."""
    return Exported(tmp_path_factory.mktemp("graphs"))


@pytest.mark.parametrize("graph", GRAPHS)
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
@pytest.mark.parametrize("graph", GRAPHS)
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
