"""The scene that the noise means."""

import pytest
import torch
from torch import Tensor

from engines.families.painter.scene import CHOICES, Asked, choices, grid, landscape, patterns, scene, thing


def _asked(n: int = 1, named: float = 1.0, colour: tuple[float, float, float] | None = None) -> Asked:
    """A red drawing and a blue one, each a full frame."""
    drawings = torch.zeros(n, 2, 4, 64, 64)
    drawings[:, 0, 0], drawings[:, 1, 2], drawings[:, :, 3] = 1.0, 1.0, 1.0
    told = torch.tensor([colour or (0.0, 0.0, 0.0)]).expand(n, 3)
    return Asked(told, torch.full((n,), float(colour is not None)), torch.full((n,), named), drawings)


def _middle(n: int = 1) -> Tensor:
    return torch.full((n, CHOICES), 0.5)


def test_choices_are_uniform_and_apart() -> None:
    """Noise chooses twelve numbers, each evenly spread and none by another."""
    assert torch.allclose(patterns() @ patterns().T, torch.eye(CHOICES), atol=1e-6)
    u = choices(torch.randn(400, 48, 8, 8), torch.ones(400))
    assert u.shape == (400, CHOICES)
    assert (u.mean(0) - 0.5).abs().max() < 0.06
    assert (u.std(0) - 12**-0.5).abs().max() < 0.03
    off = torch.corrcoef(u.T) - torch.eye(CHOICES)
    assert off.abs().max() < 0.2


def test_smooth_pictures_choose_nothing() -> None:
    """A picture under the noise hardly moves what the noise chooses."""
    ramp = torch.linspace(-1, 1, 128).expand(1, 3, 128, 128)
    picture = torch.nn.functional.pixel_unshuffle(ramp, 4)
    noise = torch.randn(1, 48, 32, 32)
    alone = choices(0.3 * noise, torch.tensor([0.3]))
    assert torch.allclose(choices(0.7 * picture + 0.3 * noise, torch.tensor([0.3])), alone, atol=0.02)


def test_a_landscape_is_a_picture() -> None:
    """Any choices make a picture in range, and different ones different pictures."""
    pictures = landscape(torch.rand(6, CHOICES), _asked(6), grid(32, torch.zeros(1)))
    assert pictures.shape == (6, 3, 32, 32)
    assert pictures.min() >= 0
    assert pictures.max() <= 1
    assert (pictures[0] - pictures[1]).abs().mean() > 0.02


@pytest.mark.parametrize("channel", [0, 1, 2])
def test_the_colour_asked_for(channel: int) -> None:
    """A background asked for in a colour is of that colour, before any choice of the noise."""
    colour = tuple(0.8 if k == channel else 0.2 for k in range(3))
    picture = landscape(torch.rand(8, CHOICES), _asked(8, colour=(colour[0], colour[1], colour[2])), grid(16, torch.zeros(1)))
    means = picture.mean((-2, -1))
    assert (means.argmax(1) == channel).all()


def test_the_thing_is_where_the_noise_puts_it() -> None:
    """The first two choices move the thing across and down, the third its size, the fifth which drawing."""
    at = grid(64, torch.zeros(1))
    columns, rows = torch.arange(64.0), torch.arange(64.0)

    def place(**changes: float) -> tuple[float, float, float, Tensor]:
        u = _middle()
        for name, value in changes.items():
            u[0, {"x": 0, "y": 1, "size": 2, "drawing": 4}[name]] = value
        body, _ = thing(u, _asked(), at)
        cover = body[0, 3]
        return (
            float((cover.sum(0) * columns).sum() / cover.sum()),
            float((cover.sum(1) * rows).sum() / cover.sum()),
            float(cover.sum()),
            body[0, :3].sum((-2, -1)),
        )

    x, y, area, _ = place()
    assert place(x=0.9)[0] > x + 3
    assert place(y=0.9)[1] > y + 2
    assert place(size=0.9)[2] > 1.1 * area
    assert place(drawing=0.2)[3].argmax() == 0
    assert place(drawing=1.0)[3].argmax() == 2


def test_no_thing_without_a_name() -> None:
    """Where no thing is named none is drawn, nor its shadow."""
    u, at = torch.rand(2, CHOICES), grid(32, torch.zeros(1))
    picture, cover = scene(u, _asked(2, named=0.0), at)
    assert not cover.any()
    assert torch.equal(picture, landscape(u, _asked(2, named=0.0), at))


def test_what_lies_behind() -> None:
    """A picture takes the landscape's place as far as it is told."""
    u, at = torch.rand(2, CHOICES), grid(32, torch.zeros(1))
    behind = torch.rand(2, 3, 32, 32)
    picture, _ = scene(u, _asked(2, named=0.0), at, behind, torch.tensor([0.0, 1.0]))
    assert torch.equal(picture[0], behind[0])
    assert torch.allclose(picture[1], landscape(u, _asked(2, named=0.0), at)[1])
