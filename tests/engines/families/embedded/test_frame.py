import numpy as np
import pytest
import torch
from torch import Tensor

from engines.families.embedded.frame import FRAME_FEATURES, choices, frame, uniforms
from engines.noise import noise

SAMPLES = 1500


def noise_for(seed: int) -> Tensor:
    return torch.from_numpy(noise(seed, 0, (24, 32, 32)))


@pytest.fixture(scope="module")
def drawn() -> np.ndarray:
    return np.concatenate([uniforms(noise_for(seed)[None]).numpy() for seed in range(SAMPLES)])


def test_the_frame_has_one_map_a_feature() -> None:
    """There is a map of the input's size for each feature and each row."""
    assert frame(torch.randn(3, 24, 32, 32), torch.ones(3)).shape == (3, FRAME_FEATURES, 32, 32)


def test_the_middle_of_the_frame_is_where_the_object_is() -> None:
    """The radius is least in the cell where the noise puts the object's middle."""
    noise = torch.stack([noise_for(seed) for seed in range(6)])
    chosen = choices(noise)
    radius = frame(noise, torch.ones(6))[:, 3].flatten(1)
    least = radius.argmin(1)
    row, column = least // 32, least % 32
    assert ((column + 0.5) / 32 - chosen.x).abs().max() < 1 / 32
    assert ((row + 0.5) / 32 - chosen.y).abs().max() < 1 / 32


def test_the_unit_of_the_frame_is_the_objects_size() -> None:
    """One size away from the middle the radius is one, whatever the tilt."""
    noise = noise_for(11)[None]
    chosen = choices(noise)
    radius = frame(noise, torch.ones(1))[0, 3]
    axis = (torch.arange(32) + 0.5) / 32
    distance = ((axis[None, :] - chosen.x) ** 2 + (axis[:, None] - chosen.y) ** 2).sqrt() / chosen.size
    torch.testing.assert_close(radius, distance.clamp(max=3), atol=1e-4, rtol=1e-4)


def test_rows_have_frames_of_their_own() -> None:
    """A row's frame does not depend on the others'."""
    noise = torch.stack([noise_for(1), noise_for(2)])
    torch.testing.assert_close(frame(noise, torch.ones(2))[:1], frame(noise[:1], torch.ones(1)))


def test_what_is_read_off_the_noise_is_uniform(drawn: np.ndarray) -> None:
    assert drawn.shape == (SAMPLES, 8)
    for column in drawn.T:
        # the Kolmogorov-Smirnov distance, whose 0.1 % point is 1.95 / sqrt(n)
        ranks = (np.arange(SAMPLES) + 0.5) / SAMPLES
        assert np.abs(np.sort(column) - ranks).max() < 1.95 / SAMPLES**0.5


def test_the_choices_are_independent(drawn: np.ndarray) -> None:
    correlation = np.corrcoef(drawn.T) - np.eye(8)
    assert np.abs(correlation).max() < 4 / SAMPLES**0.5
