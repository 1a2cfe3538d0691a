import math

import pytest
import torch

from training.scenes import PAINTS, Scene, render
from training.words import COLOURS, SHAPES


def covered(scene: Scene, pixels: int = 128) -> float:
    """The share of the picture that the object changes strongly, against its own background colour."""
    picture = render(scene, pixels)
    # the corner's colour, which no object reaches, stands for the background
    away = (picture - picture[:, :4, :4].mean((1, 2))[:, None, None]).abs().amax(0)
    return float((away > 0.3).float().mean())


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_covers_a_plausible_area(shape: str) -> None:
    share = covered(Scene(shape, "red", "white"))
    box = (2 * 0.28) ** 2
    assert 0.2 * box < share < 1.1 * box


@pytest.mark.parametrize("shape", SHAPES)
def test_a_larger_object_covers_more(shape: str) -> None:
    assert covered(Scene(shape, "red", "white", size=0.35)) > 1.5 * covered(Scene(shape, "red", "white", size=0.23))


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("shape", ["circle", "square", "triangle", "star", "heart", "tree"])
def test_the_object_has_its_own_colour(shape: str, colour: str) -> None:
    background = "black" if colour == "white" else "white"
    # a little below the middle, which in a heart is the cleft
    middle = render(Scene(shape, colour, background), 64)[:, 36:39, 30:34].mean((1, 2))
    lights = torch.linspace(0.75, 1.1, 8)[:, None]
    distances = {name: float((middle - lights * torch.tensor(rgb)).norm(dim=1).min()) for name, rgb in PAINTS.items()}
    assert min(distances, key=lambda name: distances[name]) == colour


@pytest.mark.parametrize("colour", COLOURS)
def test_the_corners_have_the_backgrounds_colour(colour: str) -> None:
    other = "black" if colour == "white" else "white"
    picture = render(Scene("circle", other, colour), 64)
    edge = torch.cat([picture[:, :6, :6].flatten(1), picture[:, :6, -6:].flatten(1)], 1).mean(1)
    # the background is dimmed towards its corners: the hue counts, not the light
    lit = edge / edge.max().clamp(min=0.3)
    distances = {name: float((lit - torch.tensor(rgb) / max(*rgb, 0.3)).norm()) for name, rgb in PAINTS.items()}
    assert distances[colour] <= min(distances.values()) + 0.12


def test_pictures_are_in_range_and_the_same_each_time() -> None:
    scene = Scene("house", "white", "black", x=0.4, y=0.55, size=0.33, angle=0.25, light=-0.6)
    picture = render(scene)
    assert picture.shape == (3, 256, 256)
    assert float(picture.min()) >= 0
    assert float(picture.max()) <= 1
    assert torch.equal(picture, render(scene))


def test_an_object_moves_with_its_place() -> None:
    left, right = (render(Scene("circle", "red", "white", x=x), 64) for x in (0.4, 0.6))
    red = [
        float((p[0] - p[1]).clamp(min=0).sum(0) @ torch.arange(64.0)) / float((p[0] - p[1]).clamp(min=0).sum())
        for p in (left, right)
    ]
    assert red[1] - red[0] == pytest.approx(0.2 * 64, abs=1.5)


def test_a_square_turned_a_quarter_is_the_same_square() -> None:
    straight, turned = (render(Scene("square", "red", "white", angle=a), 64) for a in (0.0, math.pi / 2))
    assert torch.allclose(straight, turned, atol=1e-4)


def test_unknown_words_are_refused() -> None:
    with pytest.raises(KeyError, match="dodecahedron"):
        render(Scene("dodecahedron", "red", "white"), 32)
    with pytest.raises(KeyError, match="mauve"):
        render(Scene("circle", "red", "mauve"), 32)
