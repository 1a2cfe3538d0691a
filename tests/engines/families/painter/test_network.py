"""The painter's network, with random weights."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from engines.families.painter.network import (
    EMBEDDING,
    HEAD,
    INKS,
    MEETING,
    TOUCH,
    WIDTHS,
    Between,
    Painter,
    Told,
    compose,
    flow,
    head_size,
    landscape_share,
    meeting,
    noise_share,
    pack,
    rows,
    scene_share,
    unpack,
)
from engines.families.painter.scene import Asked
from engines.families.painter.shapes import CELL, CHANNELS, ROWS, WIDTH
from training.looks import MAPS

MAPS_HERE, SIDE = 2, 32


def _asked(n: int) -> Asked:
    return Asked(torch.rand(n, 3), torch.rand(n), torch.ones(n), torch.rand(n, 2, 4, 64, 64))


@pytest.fixture
def painter() -> Painter:
    return Painter(torch.randn(MAPS_HERE, 16, SIDE, SIDE), torch.randn(8, 16, SIDE, SIDE)).eval().requires_grad_(False)


def _told(n: int) -> Told:
    return Told(torch.randn(n, EMBEDDING), 0.1 * torch.randn(n, head_size(MAPS_HERE)), torch.randn(n, TOUCH), _asked(n))


def _conditioning(told: Told) -> Tensor:
    return pack(told.look, told.head, told.touch, told.asked)


def test_conditioning_is_taken_apart_as_it_was_put_together() -> None:
    """Look, head, touch, colours and drawings come out of the conditioning as they went in."""
    told = _told(2)
    conditioning = _conditioning(told)
    assert conditioning.shape == (2, rows(MAPS_HERE, 2), 128)
    again = unpack(conditioning, MAPS_HERE)
    assert torch.equal(again.look, told.look)
    assert torch.equal(again.head, told.head)
    assert torch.equal(again.touch, told.touch)
    for name in ("colour", "coloured", "named", "drawings"):
        assert torch.equal(getattr(again.asked, name), getattr(told.asked, name))


def test_the_family_states_the_conditioning() -> None:
    """What the engines are told of the conditioning's shape is what the looks' maps and two drawings make of it."""
    assert (rows(len(MAPS), 2), 128) == (ROWS, WIDTH)


def test_rows_do_not_mix(painter: Painter) -> None:
    """What is painted for one row is the same whatever the others are."""
    x, t, conditioning = torch.randn(3, CHANNELS, SIDE, SIDE), torch.tensor([0.4, 0.7, 1.0]), _conditioning(_told(3))
    together = painter(x, t, conditioning)
    for row in range(3):
        alone = painter(x[row : row + 1], t[row : row + 1], conditioning[row : row + 1])
        assert torch.allclose(alone[0], together[row], atol=1e-4)


def test_a_still_is_its_noises_choices(painter: Painter) -> None:
    """At the end, of the noise only what it chooses is seen; before, nothing of what the prompt names is."""
    told, x = _told(1), torch.randn(1, CHANNELS, SIDE, SIDE)
    other = Told(told.look, told.head, told.touch, _asked(1))
    ends = [painter(x, torch.tensor([1.0]), _conditioning(one)) for one in (told, other)]
    assert not torch.allclose(ends[0], ends[1])
    repaints = [painter(x, torch.tensor([0.7]), _conditioning(one)) for one in (told, other)]
    assert torch.equal(repaints[0], repaints[1])
    # a shift that no choice sees
    assert torch.allclose(painter(x + 3.0, torch.tensor([1.0]), _conditioning(told)), ends[0], atol=1e-4)


def test_a_crop_is_painted_as_the_whole(painter: Painter) -> None:
    """Away from its edges a crop is painted as that part of the whole: fixed patterns lie where they lie."""
    told, x, t = _told(1), torch.randn(1, CHANNELS, SIDE, SIDE), torch.tensor([0.5])
    mean = torch.zeros(1, 3)
    whole = painter.paint(x, t, told, mean, painter.fixed())
    left = painter.paint(x[:, :, :16, 16:], t, told, mean, painter.fixed([(0, 16)], 16))
    right = painter.paint(x[:, :, :16, 16:], t, told, mean, painter.fixed([(0, 0)], 16))
    near = (left - whole[:, :, :16, 16:]).abs()[:, :, :4, -4:].mean()
    far = (right - whole[:, :, :16, 16:]).abs()[:, :, :4, -4:].mean()
    assert near < 0.5 * far


def test_strokes_run_along_the_forms(painter: Painter) -> None:
    """A look whose strokes run along the forms turns them where there are forms, and nowhere else."""
    told, mean, t = _told(1), torch.zeros(1, 3), torch.tensor([0.5])
    free, along = (Told(told.look, told.head.clone(), told.touch, told.asked) for _ in range(2))
    free.head[:, -2], along.head[:, -2] = 0.0, 1.0
    stripes = torch.sin(torch.arange(4.0 * SIDE) * 0.7).expand(1, 3, 4 * SIDE, 4 * SIDE)
    for picture, same in ((torch.zeros_like(stripes), True), (stripes, False)):
        x = F.pixel_unshuffle(picture, 4)
        one, other = (painter.paint(x, t, said, mean, painter.fixed()) for said in (free, along))
        assert torch.equal(one, other) == same


def test_one_cell_goes_over_into_the_next() -> None:
    """What cells say reaches their pixels on straight lines between the cells' middles, in parts as in all."""
    cells = torch.randn(2, 3, 5, 7)
    smooth = F.interpolate(cells, scale_factor=4, mode="bilinear", align_corners=False)
    over = Between(cells)
    assert torch.allclose(F.pixel_shuffle(over.part(0, 3).reshape(2, 48, 5, 7), 4), smooth, atol=1e-5)
    assert torch.allclose(F.pixel_shuffle(over.part(1, 2).reshape(2, 16, 5, 7), 4), smooth[:, 1:2], atol=1e-5)


@pytest.mark.parametrize("soft", [0.0, 0.7, 1.0])
def test_what_goes_over_is_taken_out_of_the_matrix(soft: float) -> None:
    """Where all cells say the same, the matrix taken apart makes what the matrix makes, however much of it goes over; of what
    differs from cell to cell, the means go over by that much."""
    matrix, features = torch.randn(1, HEAD, WIDTHS[0]), torch.randn(1, WIDTHS[0], 1)
    out = (meeting(matrix, torch.tensor([[soft]])) @ features)[0, :, 0]
    cell, wanted = CELL * CELL, (matrix @ features)[0, :, 0]
    over = out[-MEETING:]
    ground = out[:CHANNELS].view(3, cell) + over[:3, None]
    assert torch.allclose(ground.flatten(), wanted[:CHANNELS], atol=1e-4)
    assert torch.allclose(over[:3], soft * wanted[:CHANNELS].view(3, cell).mean(1), atol=1e-4)
    inks = [wanted[CHANNELS + k * (cell + 4) :][: cell + 4] for k in range(INKS)]
    thresholds = out[CHANNELS:][: INKS * cell].view(INKS, cell) + over[3 : 3 + INKS, None]
    assert torch.allclose(thresholds, torch.stack([ink[:cell] for ink in inks]), atol=1e-4)
    assert torch.allclose(out[CHANNELS + INKS * cell :][:2], wanted[-2:], atol=1e-4)
    used = out[CHANNELS + INKS * cell + 2 :][: INKS * 4] + over[3 + INKS :]
    assert torch.allclose(used, torch.cat([ink[cell:] for ink in inks]), atol=1e-4)


def test_parts_get_their_part_of_the_fixed_maps() -> None:
    """Each row gets its own square of the fixed maps; without origins all get all of them."""
    maps = torch.arange(16.0).view(1, 1, 4, 4).expand(1, 16, 4, 4)
    small = Painter(maps, maps.expand(8, 16, 4, 4))
    assert torch.equal(small.fixed().maps, maps[None])
    parts = small.fixed([(0, 0), (2, 1)], 2)
    assert torch.equal(parts.maps[:, 0, 0], torch.tensor([[[0.0, 1.0], [4.0, 5.0]], [[9.0, 10.0], [13.0, 14.0]]]))
    assert parts.bank.shape == (2, 8, 16, 2, 2)
    assert parts.waves.shape == (2, 11, 2, 2)


def test_flow_of_stripes() -> None:
    """Stripes across and down have opposite flow, and flat areas none."""
    stripes = torch.sin(torch.arange(64.0) * 0.7).expand(1, 1, 64, 64)
    across = flow(F.pixel_unshuffle(stripes, 4))
    down = flow(F.pixel_unshuffle(stripes.transpose(-1, -2), 4))
    assert across[0, 0, 4:-4, 4:-4].min() > 0.9
    assert down[0, 0, 4:-4, 4:-4].max() < -0.9
    assert flow(torch.zeros(1, 16, 16, 16))[:, :2].abs().max() == 0


def test_what_is_painted_is_composed() -> None:
    """A repainting is its picture; later the thing stands before it; a still is the scene, each of its pixels four."""
    picture, drawn = torch.rand(1, 3, 16, 16), torch.rand(1, 3, 8, 8)
    cover = torch.zeros(1, 1, 8, 8)
    cover[..., :4] = 1.0
    x, large = F.pixel_unshuffle(picture, 4), drawn.repeat_interleave(2, -1).repeat_interleave(2, -2)

    def at(t: float, x: Tensor) -> Tensor:
        return F.pixel_shuffle(compose(x, torch.tensor([t]), drawn, cover), 4)

    assert torch.allclose(at(0.5, x), picture, atol=1e-6)
    between = at(0.8, 0.5 * x)
    assert torch.allclose(between[..., :8], large[..., :8], atol=1e-5)
    assert torch.allclose(between[..., 8:], picture[..., 8:], atol=1e-5)
    assert torch.allclose(at(1.0, x), large, atol=1e-5)


def test_shares_of_time() -> None:
    """Noise comes from 0.6 on; what is named appears at 0.75; the landscape at last."""
    t = torch.tensor([0.5, 0.75, 0.8, 0.9, 1.0])
    assert noise_share(t).tolist() == pytest.approx([0, 0.375, 0.5, 0.75, 1], abs=1e-5)
    assert scene_share(t).tolist() == pytest.approx([0, 0, 1, 1, 1], abs=1e-5)
    assert landscape_share(t).tolist() == pytest.approx([0, 0, 0, 0.5, 1], abs=1e-5)
