"""How far each precision is from float32, for the student that ships."""

import pytest
import torch

from engines.errors import EngineError
from engines.options import TorchOptions
from engines.ports import GRAPHS
from engines.pytorch.accuracy import relative_errors
from engines.pytorch.modules import read_modules
from engines.student import Student


def test_each_precision_has_its_error(student: Student) -> None:
    """fp8 has more than fp16, in the denoiser alone; bf16 has 8 times fp16's, its bits are 3 fewer."""
    modules = read_modules(student)
    errors = {
        name: relative_errors(student, options, modules)
        for name, options in (
            ("fp16", TorchOptions()),
            ("bf16", TorchOptions("bf16")),
            ("fp8", TorchOptions(fp8=True)),
        )
    }
    assert all(list(one) == list(GRAPHS) for one in errors.values())
    assert 3e-4 < errors["fp16"]["denoise"] < 6e-3
    assert 4 < errors["bf16"]["denoise"] / errors["fp16"]["denoise"] < 16
    assert 1.1 * errors["fp16"]["denoise"] < errors["fp8"]["denoise"] < 0.02
    assert {name: errors["fp8"][name] for name in ("text", "encode")} == {
        name: errors["fp16"][name] for name in ("text", "encode")
    }


def test_a_network_that_overflows(student: Student) -> None:
    """Is an error with what to do, not a number."""
    modules = read_modules(student)
    with torch.no_grad():
        modules.denoise.denoiser.enter.weight.mul_(1e5)
        modules.denoise.denoiser.enter.bias.mul_(1e5)
    with pytest.raises(EngineError, match=r"denoise network of embedded .*: choose (precision )?bf16"):
        relative_errors(student, TorchOptions("fp16"), modules)
