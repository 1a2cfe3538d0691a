import pytest
import torch

from training.looks import MAPS, maps
from training.looks.patterns import TILE, draws, flattened, smooth, texture


def test_maps_are_few_and_fixed_and_of_one_scale() -> None:
    whole = maps(512, 512)
    assert whole.shape == (len(MAPS), 512, 512)
    assert len(MAPS) <= 8
    assert whole.dtype == torch.float32
    assert torch.equal(whole, maps(512, 512))
    assert float(whole.abs().max()) < 6


@pytest.mark.parametrize("name", [name for name in MAPS if name not in ("across", "down")])
def test_a_smaller_picture_has_the_corner_of_the_patterns(name: str) -> None:
    index = MAPS.index(name)
    assert torch.equal(maps(512, 512)[index, :128, :192], maps(128, 192)[index])


def test_patterns_repeat_without_a_seam() -> None:
    tile = smooth(5, 6.0)
    inner = (tile[1:] - tile[:-1]).abs().max()
    assert float((tile[0] - tile[-1]).abs().max()) <= float(inner)
    assert torch.equal(maps(512, 1024)[0, :, :512], maps(512, 1024)[0, :, 512:])


def test_a_screen_prints_the_share_it_is_asked_for() -> None:
    screen = maps(64, 64)[MAPS.index("screen")]
    for share in (0.1, 0.25, 0.5, 0.75, 0.9):
        assert float((screen > 1 - share).float().mean()) == pytest.approx(share, abs=0.04)


def test_ranks_are_spread_evenly() -> None:
    even = flattened(torch.tensor([3.0, 1.0, 2.0, 2.0], dtype=torch.float64))
    assert even.tolist() == [0.875, 0.125, 0.5, 0.5]


@pytest.mark.parametrize(("kind", "size"), [("noise", 2.0), ("smooth", 18.0), ("hatch", 20.0)])
def test_textures_have_one_deviation(kind: str, size: float) -> None:
    whole = texture(kind, size, torch.empty(1, 3, TILE, TILE))
    assert float(whole.mean()) == pytest.approx(0, abs=1e-3)
    assert float(whole.std()) == pytest.approx(1, abs=1e-2)


def test_three_textures_of_one_map_have_little_to_do_with_each_other() -> None:
    like = torch.empty(1, 3, TILE, TILE)
    rows = torch.cat([texture("smooth", 8.0, like, variant).flatten(1) for variant in (0, 1, 2)])
    assert float((torch.corrcoef(rows) - torch.eye(3)).abs().max()) < 0.2


def test_numbers_of_places_are_spread_and_repeat_with_the_tile() -> None:
    y, x = torch.meshgrid(torch.arange(32) * 16.0, torch.arange(32) * 16.0, indexing="ij")
    numbers = draws(x, y)
    assert numbers.shape == (6, 32, 32)
    assert float(numbers.abs().max()) <= 1
    assert float(numbers.mean(dim=(1, 2)).abs().max()) < 0.1
    assert 0.5 < float(numbers.std(dim=(1, 2)).min()) < 0.65
    assert torch.equal(numbers, draws(x + TILE, y))
