"""Tiles: what is cut and put together again is the same, whatever the sides, and no tile shows where it ends."""

import numpy as np
import pytest

from engines.upscalers.tiles import Canvas, Tiling


@pytest.mark.parametrize("ratio", [1, 2])
@pytest.mark.parametrize(("size", "tile", "overlap", "tiles"), [
    ((64, 64), (64, 64), 32, 1),
    ((65, 64), (64, 64), 32, 2),
    ((100, 80), (64, 32), 16, 8),
    ((96, 96), (32, 32), 0, 9),
    ((256, 256), (96, 96), 32, 16),
])  # fmt: skip
def test_whole_again(size: tuple[int, int], tile: tuple[int, int], overlap: int, tiles: int, ratio: int) -> None:
    """A picture whose tiles are all alike, but for their place, comes back to the level, of any ratio."""
    tiling = Tiling(*size, *tile, overlap)
    assert len(tiling.corners()) == tiles
    picture = np.random.default_rng(1).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    canvas = Canvas(tiling, ratio)
    for cut in tiling.cut(picture):
        assert cut.shape == (tile[1], tile[0], 3)
        canvas.put(cut.repeat(ratio, 0).repeat(ratio, 1))
    np.testing.assert_array_equal(canvas.picture(), picture.repeat(ratio, 0).repeat(ratio, 1))


def test_no_edge() -> None:
    """Between a dark tile and a bright one levels rise by little from pixel to pixel, and each middle is its own tile's."""
    tiling = Tiling(160, 96, 96, 96, 32)
    canvas = Canvas(tiling)
    for level in (0, 200):
        canvas.put(np.full((96, 96, 3), level, np.uint8))
    line = canvas.picture()[48, :, 0].astype(int)
    assert (line[32], line[128]) == (0, 200)
    assert (np.diff(line) >= 0).all()
    assert np.diff(line).max() < 40


def test_a_tile_that_is_larger() -> None:
    """A tile does not lie in a smaller picture."""
    with pytest.raises(ValueError, match="a tile of 96 pixels"):
        Tiling(64, 64, 96, 96, 0).corners()
