"""Reading things and colours off pictures."""

from dataclasses import replace

import pytest
import torch

from engines.families.painter.scene import MAP, choices, frame
from engines.noise import noise
from engines.student import Student
from training.measures.things import Scene, ThingReader, Wish, colour, meant, share, upright, wishes
from training.painter.export import student
from training.painter.studio import COLOURS


@pytest.fixture(scope="module")
def painter() -> Student:
    return replace(student(), width=128, height=128)


@pytest.fixture(scope="module")
def drawings() -> torch.Tensor:
    """A disc, a cross and a frame, twice each, as coloured drawings."""
    axis = (torch.arange(MAP) + 0.5) / MAP * 2 - 1
    x, y = axis[None, :], axis[:, None]
    forms = [
        (x * x + y * y).sqrt() < 0.8,
        (x.abs() < 0.2) | (y.abs() < 0.2),
        ((x.abs() > 0.5) | (y.abs() > 0.5)) & (x.abs() < 0.9),
    ]
    cover = torch.stack([form.expand(MAP, MAP).float() for form in forms])
    tints = torch.tensor([[0.95, 0.9, 0.5], [0.6, 0.95, 0.8], [0.9, 0.95, 0.9]])
    drawn = torch.cat([tints[:, :, None, None] * cover[:, None], cover[:, None]], 1)
    return drawn[:, None].expand(3, 2, 4, MAP, MAP).contiguous()


def _scene(painter: Student, drawings: torch.Tensor, thing: int, behind: int, seed: int) -> Scene:
    return meant(Wish(thing, behind, "photo", seed), painter, drawings)


def test_things_are_read_where_the_noise_put_them(painter: Student, drawings: torch.Tensor) -> None:
    """Each of three things is read right in a plain scene, whatever place, size and tilt its noise chose."""
    reader = ThingReader(drawings)
    for seed in range(4):
        for thing in range(3):
            scene = _scene(painter, drawings, thing, 5, seed)
            assert reader.read(scene.picture, scene.choices) == thing


def test_the_frame_of_a_thing(painter: Student) -> None:
    """The middle of what is cut out is the picture where the noise put the thing's middle."""
    u = choices(torch.from_numpy(noise(3, 0, painter.latent_shape))[None], torch.ones(1))
    at = (torch.arange(128.0) + 0.5) / 128
    picture = torch.stack([at[None, :].expand(128, 128), at[:, None].expand(128, 128), torch.zeros(128, 128)])[None]
    middle = upright(picture, u)[0, :, MAP // 2 - 1 : MAP // 2 + 1, MAP // 2 - 1 : MAP // 2 + 1].mean((-2, -1))
    x, y, *_ = frame(u)
    assert middle[0] == pytest.approx(float(x), abs=0.02)
    assert middle[1] == pytest.approx(float(y), abs=0.02)


def test_backgrounds_are_read_by_the_nearest_colour(painter: Student, drawings: torch.Tensor) -> None:
    """In a plain scene most backgrounds are read as the colour that was asked for."""
    right = []
    for behind in range(len(COLOURS)):
        scene = _scene(painter, drawings, 0, behind, 9)
        right.append(colour(scene.picture, scene.free) == behind)
    assert share(right) > 0.6


def test_wishes_go_through_all_looks() -> None:
    """Prompts name a thing, a background and a look, each look as often as any."""
    asked = wishes(["ink", "neon"], 6)
    assert [wish.look for wish in asked] == ["ink", "neon"] * 3
    assert asked[1].prompt.endswith(" background, neon")
    assert len({wish.seed for wish in asked}) == 6
