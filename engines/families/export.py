"""Torch modules to a student's ONNX graphs, as its ports say."""

import time
from pathlib import Path

import numpy as np
import torch

from ..errors import EngineError
from ..examples import example_inputs
from ..onnx_files import write_graph
from ..ports import Ports, outputs
from ..say import Say
from .modules import GraphModules


def write_graphs(ports: Ports, modules: GraphModules, folder: Path, say: Say, whose: str) -> None:
    """Write the four graphs into a folder; `whose` is their student's name.

    Raises OSError, and EngineError if a weight does not fit into half precision.
    """
    for name, given in example_inputs(ports).items():
        began = time.perf_counter()
        tensors = {one: torch.from_numpy(array) for one, array in given.items()}
        try:
            with np.errstate(over="ignore"):  # a weight beyond half precision is told by name below
                write_graph(getattr(modules, name), tensors, list(outputs(ports[name])), folder / f"{name}.onnx")
        except ValueError as error:
            raise EngineError(
                f"the {name} graph of {whose} cannot be written: {error}. Use other weights, or a LoRA at a smaller weight"
            ) from error
        say(f"exported {name} in {time.perf_counter() - began:.1f} s")
