import pytest
import torch

from training.looks import MAPS, maps
from training.looks.patterns import flattened, smooth


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
