"""StreamDiffusion's way of one step paints what our contract paints, on the same networks and the same noise."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.gpu.networks import Parts
from benchmarks.gpu.ours import open_reference
from benchmarks.gpu.painter import paint
from benchmarks.gpu.shapes import Shape
from benchmarks.gpu.streamdiffusion import StreamDiffusionWay
from engines.engine import Pixels, Row
from engines.noise import noise

PartsOf = Callable[[Shape], Parts]


@pytest.mark.parametrize("t_index", [0, 16, 32, 45])
def test_the_contracts_pixels(
    sd15: Shape, parts: PartsOf, pictures: Callable[[int], list[Pixels]], tmp_path: Path, t_index: int
) -> None:
    """SD-Turbo's contract at the time of a step, with that step's noise and prompt, gives the same picture."""
    engine = open_reference(sd15, parts(sd15), (1,), tmp_path)
    conditioning = engine.condition("a red boat")
    way = StreamDiffusionWay(sd15, parts(sd15), 1, torch.from_numpy(conditioning)[None], t_index)
    assert way.t == 999 - 20 * t_index
    way.noise = torch.from_numpy(noise(7, 0, sd15.student.latent_shape))[None]
    (step,) = sd15.student.contract.repaint((way.t + 1) / 1000)
    assert step.t == way.t
    (given,) = pictures(1)
    (ours,) = engine.tick([Row(1, 0, step, True, conditioning, 7, given)])
    assert ours.image is not None
    (theirs,) = paint(way, [given])
    difference = np.abs(ours.image.astype(int) - theirs.astype(int))
    assert int(difference.max()) <= 1
    assert theirs.std() > 1


def test_a_batch_is_its_frames(sd15: Shape, parts: PartsOf, pictures: Callable[[int], list[Pixels]]) -> None:
    """Frames of a batch are painted as alone, with each one's own noise."""
    conditioning, given = torch.randn(1, *sd15.student.text_shape), pictures(3)
    together = StreamDiffusionWay(sd15, parts(sd15), 3, conditioning)
    images = paint(together, given)
    assert len(images) == 3
    for at in range(3):
        alone = StreamDiffusionWay(sd15, parts(sd15), 1, conditioning)
        alone.noise = together.noise[at : at + 1]
        assert int(np.abs(paint(alone, given[at : at + 1])[0].astype(int) - images[at].astype(int)).max()) <= 1


def test_the_noise_is_the_streams(sd15: Shape, parts: PartsOf, pictures: Callable[[int], list[Pixels]]) -> None:
    """The same picture gives the same image again: the noise is fixed."""
    way = StreamDiffusionWay(sd15, parts(sd15), 1, torch.randn(1, *sd15.student.text_shape))
    first, second = (paint(way, pictures(1))[0] for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_another_size_is_resized(sd15: Shape, parts: PartsOf, picture: Callable[..., Pixels]) -> None:
    """A frame of any size comes back at the stream's, as the wrapper has it."""
    way = StreamDiffusionWay(sd15, parts(sd15), 1, torch.randn(1, *sd15.student.text_shape))
    assert paint(way, [picture(0, 96, 80)])[0].shape == (64, 64, 3)


def test_no_sdxl(sdxl: Shape, parts: PartsOf) -> None:
    """SDXL is refused, as there."""
    with pytest.raises(ValueError, match="knows no SDXL"):
        StreamDiffusionWay(sdxl, parts(sdxl), 1, torch.randn(1, *sdxl.student.text_shape))


def test_there_are_no_waits_to_count_without_a_gpu(sd15: Shape, parts: PartsOf) -> None:
    """On a processor nobody waits, and nobody says 0."""
    way = StreamDiffusionWay(sd15, parts(sd15), 1, torch.randn(1, *sd15.student.text_shape))
    assert way.waits(lambda: None) is None
