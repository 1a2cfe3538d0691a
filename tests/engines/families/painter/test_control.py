"""The painter's control network, with random weights on small pictures."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from engines.families.painter.control import FACTS, Control, facts
from engines.families.painter.modules import ControlledGraph, DenoiseGraph
from engines.families.painter.network import EMBEDDING, TOUCH, Painter, head_size, pack
from engines.families.painter.scene import Asked
from engines.families.painter.shapes import CELL, CHANNELS

MAPS, SIDE = 2, 32


@pytest.fixture
def painter() -> Painter:
    return Painter(torch.randn(MAPS, 16, SIDE, SIDE), torch.randn(8, 16, SIDE, SIDE)).eval().requires_grad_(False)


@pytest.fixture
def control() -> Control:
    """One that changes what it sees: as it begins it does not."""
    made = Control().eval().requires_grad_(False)
    torch.nn.init.normal_(made.leave.weight, std=0.05)
    return made


def _asked(n: int) -> Asked:
    return Asked(torch.rand(n, 3), torch.zeros(n), torch.ones(n), torch.rand(n, 2, 4, 64, 64))


def _given(n: int, t: float) -> list[Tensor]:
    """x, t, conditioning, A, B and what no step follows on."""
    told = pack(torch.randn(n, EMBEDDING), 0.1 * torch.randn(n, head_size(MAPS)), torch.randn(n, TOUCH), _asked(n))
    x, one, none = torch.randn(n, CHANNELS, SIDE, SIDE), torch.ones(n), torch.zeros(n)
    return [x, t * one, told, none, one, none, none, torch.zeros_like(x)]


def _lines(n: int) -> Tensor:
    """Pictures with a line across, uint8 [n, 1, h, w, 3]."""
    pixels = torch.zeros(n, 1, SIDE * CELL, SIDE * CELL, 3, dtype=torch.uint8)
    pixels[:, :, 60:63] = 255
    return pixels


@pytest.mark.parametrize("t", [0.0, 0.5, 0.7, 1.0])
def test_scale_0_is_without(painter: Painter, control: Control, t: float) -> None:
    """At scale 0 the painter paints, to the bit, what it does without a control; others in the batch are shown theirs."""
    given, shown = _given(3, t), _lines(3)
    plain = DenoiseGraph(painter)(*given)[0]
    scale = torch.tensor([[0.0], [1.0], [0.0]])
    with_it, _, added = ControlledGraph(painter, control)(*given, shown, scale)
    assert torch.equal(with_it[[0, 2]], plain[[0, 2]])
    assert not added[[0, 2]].any()
    assert not torch.equal(with_it[1], plain[1])


def test_untrained_it_changes_nothing(painter: Painter) -> None:
    """Its last layer begins at zero, as ControlNet's."""
    given, one = _given(2, 1.0), torch.ones(2, 1)
    plain = DenoiseGraph(painter)(*given)[0]
    assert torch.equal(ControlledGraph(painter, Control())(*given, _lines(2), one)[0], plain)


def test_what_is_added_is_by_the_scale(painter: Painter, control: Control) -> None:
    """Half the scale adds half as much."""
    given = _given(1, 1.0)
    whole, half = (ControlledGraph(painter, control)(*given, _lines(1), torch.tensor([[s]]))[2] for s in (1.0, 0.5))
    assert torch.allclose(half, whole / 2)


def test_ink_is_as_sharp_as_lines_are(control: Control) -> None:
    """What the ink of a line adds lies on its pixels and on no others."""
    torch.nn.init.zeros_(control.leave.weight)
    control.leave.bias[CHANNELS : CHANNELS + 3] = torch.tensor([-1.0, -0.5, 0.25])
    pixels = _lines(1)[:, 0, :, :, 1][:, None].float() / 255
    added = control(torch.zeros(1, CHANNELS, SIDE, SIDE), F.pixel_unshuffle(pixels, CELL), torch.zeros(1, FACTS))
    drawn = F.pixel_shuffle(added, CELL)
    assert torch.allclose(drawn[0, :, 61, 7], torch.tensor([-1.0, -0.5, 0.25]))
    assert torch.equal(drawn.abs().sum(1, keepdim=True) > 0, pixels > 0)


def test_what_it_is_told_of_the_whole() -> None:
    """Of a picture that is repainted it is told nothing of a landscape, of noise all of its colours."""
    u, asked = torch.rand(3, 12), _asked(3)
    told = facts(torch.tensor([0.5, 0.9, 1.0]), u, asked)
    assert told.shape == (3, FACTS)
    assert not told[0].any()
    assert torch.allclose(told[2, :3], torch.ones(3))
    assert told[1, 0] == pytest.approx(0.75)
    assert told[1, 2] == pytest.approx(0.5)
