import pytest
import torch
from torch import Tensor

from training.scenes import Scene, render
from training.styles import FILTERS


@pytest.fixture
def pictures() -> Tensor:
    scenes = Scene("heart", "red", "cyan"), Scene("boat", "yellow", "purple", size=0.33)
    return torch.stack([render(scene, 128) for scene in scenes])


@pytest.mark.parametrize("name", FILTERS)
def test_a_style_keeps_shape_and_range_and_is_a_function(name: str, pictures: Tensor) -> None:
    before = pictures.clone()
    out = FILTERS[name](pictures)
    assert out.shape == pictures.shape
    assert bool(torch.isfinite(out).all())
    assert float(out.min()) >= -0.01
    assert float(out.max()) <= 1.01
    assert torch.equal(out, FILTERS[name](pictures))
    assert torch.equal(pictures, before)


@pytest.mark.parametrize("name", FILTERS)
def test_a_picture_does_not_depend_on_its_neighbours(name: str, pictures: Tensor) -> None:
    together = FILTERS[name](pictures)
    alone = FILTERS[name](pictures[1:])
    assert torch.allclose(together[1:], alone, atol=1e-5)


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_flat_pictures_give_nothing_infinite(name: str, value: float) -> None:
    out = FILTERS[name](torch.full((1, 3, 64, 64), value))
    assert bool(torch.isfinite(out).all())


def test_styles_differ_from_each_other(pictures: Tensor) -> None:
    painted = {name: style(pictures) for name, style in FILTERS.items()}
    names = list(painted)
    for i, a in enumerate(names):
        for b in names[i + 1 :]:
            assert float((painted[a] - painted[b]).abs().mean()) > 0.02, (a, b)


def test_photo_changes_nothing(pictures: Tensor) -> None:
    assert torch.equal(FILTERS["photo"](pictures), pictures)


@pytest.mark.parametrize("name", ["noir", "ink"])
def test_black_and_white_has_no_colour(name: str, pictures: Tensor) -> None:
    out = FILTERS[name](pictures)
    assert float((out - out.mean(1, keepdim=True)).abs().max()) < 1e-5
