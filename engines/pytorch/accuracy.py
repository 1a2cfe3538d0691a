"""How far a precision is from float32: each graph of a student as the engine computes it, against the reference.

On a CPU half precision is computed as such, and fp8 by the same numbers multiplied in float32: what a GPU does differs in
the order of its sums.
"""

import numpy as np
import torch

from ..engine import Row
from ..errors import EngineError
from ..examples import example_inputs
from ..families.modules import GraphModules
from ..graphs import ports
from ..options import TorchOptions
from ..student import Student
from ..tokens import Tokens
from .modules import read_modules
from .networks import typed_graphs


def relative_errors(
    student: Student, options: TorchOptions, modules: GraphModules | None = None, rows: int = 2, seed: int = 0
) -> dict[str, float]:
    """Graph to RMS of the difference over RMS of the output in float32, on random inputs on the CPU.

    `modules` as in `typed_graphs`. Of the denoiser it is the error of x0 for pure noise at the student's first step, with
    the affine map in it, on the conditioning of an empty prompt. Raises EngineError.
    """
    modules = read_modules(student) if modules is None else modules
    errors = {}
    graphs, inputs = typed_graphs(student, options, modules), _inputs(student, rows, seed)
    with torch.no_grad():
        for name, graph in graphs.items():
            given = inputs[name]
            wanted = getattr(modules, name)(*given.values())
            wanted = (wanted[0] if isinstance(wanted, tuple) else wanted).float()
            if name == "text":
                inputs["denoise"]["conditioning"] = wanted
            taken = [given[one] for one, tensor in graph.tensors.items() if not tensor.output]
            off = graph.graph(*taken)[0].float() - wanted
            if not bool(torch.isfinite(off).all()):
                raise EngineError(f"the {name} network of {student.name} leaves the range of {graph.precision}: choose bf16")
            errors[name] = float(off.square().mean().sqrt() / wanted.square().mean().sqrt())
    return errors


def _inputs(student: Student, rows: int, seed: int) -> dict[str, dict[str, torch.Tensor]]:
    """Noise and a random picture, an empty prompt, and the numbers of a job's first step."""
    made = example_inputs(ports(student), rows, seed)
    step = (student.contract.still() if student.txt2img else student.any_job())[0]
    row = Row(0, 0, step, True, made["denoise"]["conditioning"][0], 0)
    for name, array in made["denoise"].items():
        if not array.shape[1:] and (value := row.told(name)) is not None:
            array[:] = value
    if student.guidance is not None:
        made["denoise"]["w"][:] = student.guidance.default - 1.0
    made["text"] = {name: np.repeat(ids[None], rows, 0) for name, ids in Tokens(student).encode("").items()}
    return {graph: {name: torch.from_numpy(array) for name, array in of.items()} for graph, of in made.items()}
