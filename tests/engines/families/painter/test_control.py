"""The painter's control network, with random weights on small pictures."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from engines.families.painter.control import INK, PLAIN, Control, tinted
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
    """One whose tones are not plain."""
    made = Control().eval().requires_grad_(False)
    torch.nn.init.normal_(made.tones.leave.weight, std=0.05)
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


def test_what_is_added_is_by_the_scale(painter: Painter, control: Control) -> None:
    """Half the scale adds half as much."""
    given = _given(1, 1.0)
    whole, half = (ControlledGraph(painter, control)(*given, _lines(1), torch.tensor([[s]]))[2] for s in (1.0, 0.5))
    assert torch.allclose(half, whole / 2)


def _told(n: int, share: float) -> tuple[list[Tensor], Tensor, Tensor]:
    """A red palette, how far the scene is there, and nothing that stands before it."""
    return [torch.tensor([[0.9, 0.1, 0.1]]).expand(n, 3)] * 3, torch.full((n,), share), torch.zeros(n, 1, 2 * SIDE, 2 * SIDE)


def _cells(lines: Tensor) -> Tensor:
    return F.pixel_unshuffle(lines[:, 0, :, :, 1][:, None].float() / 255, CELL)


def _drawn(control: Control, content: Tensor, lines: Tensor, told: tuple[list[Tensor], Tensor, Tensor]) -> Tensor:
    """What comes of it, as a picture in 0..1."""
    return F.pixel_shuffle(content + control(content, _cells(lines), *told), CELL) / 2 + 0.5


def test_where_something_is_drawn(control: Control) -> None:
    """Far from lines the scene stays as it is; near them it has its palette's colours; a line is darker than what is beside
    it, to the pixel."""
    content, untrained = torch.zeros(1, CHANNELS, SIDE, SIDE), Control()
    lines = torch.zeros(1, 1, SIDE * CELL, SIDE * CELL, 3, dtype=torch.uint8)
    lines[:, :, 4:7] = 255
    drawn = _drawn(untrained, content, lines, _told(1, 1.0))
    assert torch.allclose(drawn[..., 100:, :], torch.tensor(0.5), atol=0.02)
    assert (drawn[0, 0, 9] > drawn[0, 1, 9] + 0.3).all()
    assert torch.allclose(drawn[0, :, 6], drawn[0, :, 7] * (1 - INK), atol=0.01)


def test_a_picture_keeps_its_colours(control: Control) -> None:
    """Where no scene is there, and where something stands before it, lines are drawn and no colour is changed."""
    content = torch.rand(1, CHANNELS, SIDE, SIDE) * 2 - 1
    palette, share, before = _told(1, 1.0)
    plain = F.pixel_shuffle(content, CELL) / 2 + 0.5
    for told in ((palette, 0 * share, before), (palette, share, before + 1)):
        drawn = _drawn(control, content, _lines(1), told)
        assert torch.allclose(drawn[..., 61, :], plain[..., 61, :] * (1 - INK), atol=1e-5)
        assert torch.allclose(drawn[..., 70:, :], plain[..., 70:, :], atol=1e-5)


def test_what_stands_before_lies_where_it_is(control: Control) -> None:
    """Each place of what stands before is two pixels of the picture across and down."""
    content = torch.zeros(1, CHANNELS, SIDE, SIDE)
    palette, share, before = _told(1, 1.0)
    lines = torch.full((1, 1, SIDE * CELL, SIDE * CELL, 3), 40, dtype=torch.uint8)
    before[..., 11, 20:23] = 1.0
    away = _drawn(control, content, lines, (palette, share, before)) != _drawn(
        control, content, lines, (palette, share, 0 * before)
    )
    assert away[..., 22:24, 40:46].all()
    assert away.any(1).sum() == 12


def test_tones_are_of_the_palette() -> None:
    """Shadows are the ground's colour, lights the horizon's, and between them every tone is one between."""
    above, horizon, ground = torch.tensor([[0.0, 0.0, 0.8]]), torch.tensor([[0.9, 0.8, 0.7]]), torch.tensor([[0.0, 0.3, 0.0]])
    tone = torch.linspace(0, 1, 101)[None, None]
    made = tinted(tone, (above, horizon, ground))
    assert torch.allclose(made[0, :, 0], 0.3 * ground[0])
    assert torch.allclose(made[0, :, -1], 0.4 * horizon[0] + 0.6)
    assert torch.allclose(made[0, :, 60], (above + horizon)[0] / 2, atol=1e-5)
    assert (made[:, :, 1:] - made[:, :, :-1]).abs().max() < 0.05


def test_tones_begin_plain_and_are_cut_as_pictures_are(control: Control) -> None:
    """Untrained, all tones are plain; a part of a picture, far from its edges, has the tones of that part of the whole."""
    cells = torch.rand(1, CELL * CELL, 64, 64)
    assert torch.equal(Control().tones(cells), torch.full((1, CELL * CELL, 64, 64), PLAIN))
    whole, part = control.tones(cells), control.tones(cells[..., 8:, 8:])
    assert torch.allclose(whole[..., 60:, 60:], part[..., 52:, 52:], atol=1e-4)
