"""Masks: brought to latents cell by cell, and what is kept is kept to the bit."""

import numpy as np
import pytest

from engines.families import FAMILIES
from engines.masks import blend, cell_weights, pixel_weights


def test_cells() -> None:
    """A cell's weight is the share of its pixels that are painted: exactly 0 and 1 where none and all are."""
    mask = np.zeros((16, 24), np.uint8)
    mask[:8, 8:] = 255
    mask[8:, :4] = 255
    np.testing.assert_array_equal(cell_weights(mask, 2, 3), [[[0, 1, 1], [0.5, 0, 0]]])


def test_half_tones() -> None:
    """Grey is so much of each."""
    assert float(cell_weights(np.full((8, 8), 51, np.uint8), 1, 1)[0, 0, 0]) == np.float32(0.2)


def test_pixels() -> None:
    """Latents that are pixels have each pixel's weight, in the order in which the pixels lie in them."""
    torch = pytest.importorskip("torch")
    mask = np.random.default_rng(0).integers(0, 256, (8, 12), dtype=np.uint8)
    picture = torch.from_numpy(mask / np.float32(255)).expand(3, 8, 12)
    np.testing.assert_array_equal(pixel_weights(mask, 4), torch.nn.functional.pixel_unshuffle(picture, 4).numpy())


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_weighs_its_latents(name: str) -> None:
    """Whatever its latents are, a family's weights fit them."""
    family = FAMILIES[name]
    side = 16 * family.multiple
    shape = family.latent_shape(side, side)
    weights = family.mask_weights(np.full((side, side), 255, np.uint8))
    assert np.broadcast_shapes(weights.shape, shape) == shape
    assert (weights == 1).all()


def test_blend() -> None:
    """What is kept and what is painted are themselves to the last bit, even beside numbers that no mean would leave alone."""
    rng = np.random.default_rng(1)
    painted, kept = (rng.standard_normal((4, 3, 3)).astype(np.float32) * scale for scale in (1e4, 1e-4))
    weights = np.array([[[0, 1, 0.25], [1, 0, 1], [0, 0, 0.5]]], np.float32)
    got = painted.copy()
    blend(got, kept, weights)
    every = np.broadcast_to(weights, got.shape)
    np.testing.assert_array_equal(got[every == 0], kept[every == 0])
    np.testing.assert_array_equal(got[every == 1], painted[every == 1])
    np.testing.assert_allclose(got[:, 0, 2], 0.75 * kept[:, 0, 2] + 0.25 * painted[:, 0, 2], rtol=1e-6)
