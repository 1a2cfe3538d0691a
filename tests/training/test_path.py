import pytest
import torch

from engines.student.contract import Contract
from engines.students import load_student
from training.path import FULL_STYLE, clean, noised, target_at

PATH = Contract("flow", "preconditioned", (1.0,), strengths="any")
TIMES = (0.0, 0.02, 0.25, 0.5, 0.9, 1.0)


@pytest.mark.parametrize("t", TIMES)
def test_training_and_serving_use_the_same_numbers(t: float) -> None:
    source, noise, out = torch.randn(3, 1, 24, 4, 4)
    step, time = PATH.repaint(t)[0], torch.tensor([t])
    x = noised(source, noise, time)
    assert torch.allclose(x, step.a_img * source + step.a_z * noise, atol=1e-6)
    assert torch.allclose(clean(x, out, time), step.A * x + step.B * out, atol=1e-5)


def test_at_0_the_map_is_the_identity() -> None:
    source, noise, out = torch.randn(3, 2, 24, 4, 4)
    zero = torch.zeros(2)
    assert torch.equal(clean(noised(source, noise, zero), out, zero), source)


def test_at_1_the_network_paints_all_of_it() -> None:
    source, noise, out = torch.randn(3, 2, 24, 4, 4)
    one = torch.ones(2)
    assert torch.equal(clean(noised(source, noise, one), out, one), out)


def test_the_target_goes_from_the_source_to_the_whole_style() -> None:
    source, target = torch.randn(2, 1, 24, 4, 4)
    assert torch.equal(target_at(source, target, torch.tensor([0.0])), source)
    assert torch.allclose(target_at(source, target, torch.tensor([FULL_STYLE])), target)
    assert torch.allclose(target_at(source, target, torch.tensor([0.8])), target)


def test_half_strength_asks_for_the_whole_style() -> None:
    step = load_student("embedded").contract.repaint(0.5)[0]
    assert step.t >= FULL_STYLE
