"""How far a precision is from float32: each graph of a student as the engine computes it, against the reference.

On a CPU half precision is computed as such, and fp8 by the same numbers multiplied in float32: what a GPU does differs in
the order of its sums.
"""

import torch

from ..errors import EngineError
from ..student import Student
from .modules import Modules, read_modules
from .networks import OUTPUTS, example_inputs, typed_graphs
from .options import TorchOptions


def relative_errors(
    student: Student, options: TorchOptions, modules: Modules | None = None, rows: int = 2, seed: int = 0
) -> dict[str, float]:
    """Graph to RMS of the difference over RMS of the output in float32, on random inputs on the CPU.

    `modules` as in `typed_graphs`. Of the denoiser it is the error of x0 for pure noise at the student's first step, with
    the affine map in it, on the conditioning of an empty prompt. Raises EngineError.
    """
    modules = read_modules(student) if modules is None else modules
    errors = {}
    graphs = typed_graphs(student, options, modules)
    inputs = example_inputs(student, rows, seed)
    with torch.no_grad():
        for name, graph in graphs.items():
            given = inputs[name]
            wanted = getattr(modules, name)(*given.values())
            wanted = (wanted[0] if isinstance(wanted, tuple) else wanted).float()
            if name == "text":
                inputs["denoise"]["conditioning"] = wanted
            taken = [given[one] for one in graph.tensors if one != OUTPUTS[name]]
            off = graph.graph(*taken)[0].float() - wanted
            if not bool(torch.isfinite(off).all()):
                raise EngineError(f"the {name} network of {student.name} leaves the range of {graph.precision}: choose bf16")
            errors[name] = float(off.square().mean().sqrt() / wanted.square().mean().sqrt())
    return errors
