"""What the painter is shown."""

import random
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from engines.families.painter.network import QUIET
from engines.families.painter.shapes import PIXELS
from training.looks import LOOKS
from training.painter.studio import LEAST_TIME, Batch, Studio, asked, breadth_at, times


@pytest.fixture(scope="module")
def studio(drawn: Path) -> Studio:
    pixels = np.random.default_rng(0).integers(0, 256, (80, 120, 3), dtype=np.uint8)
    return Studio(drawn / "things.npz", [Image.fromarray(pixels)], "cpu", seed=3)


def test_breadth() -> None:
    """Strokes are as designed at 0.5 and for stills, and broadest between."""
    assert breadth_at(0.5) == breadth_at(1.0) == 1.0
    assert breadth_at(0.3) < 1 < breadth_at(0.65) < breadth_at(0.8)
    assert breadth_at(0.8 + 1e-9) == pytest.approx(breadth_at(0.8))


def test_times_are_those_that_are_served() -> None:
    """A repainting is trained where it has no noise and is not blended, the others where they are."""
    rng = random.Random(0)
    repaints = [times("repaint", rng) for _ in range(50)]
    assert all(LEAST_TIME <= t <= QUIET for t in repaints)
    assert 0.5 in repaints
    assert all(QUIET <= times("between", rng) <= 1 for _ in range(50))
    assert times("still", rng) == 1


@pytest.mark.parametrize("kind", ["repaint", "between", "still"])
def test_a_batch_is_whole(studio: Studio, kind: str) -> None:
    """Sources and targets of each kind are pictures, and say what was asked for."""
    batch = studio.paint(list(LOOKS).index("sepia"), kind, 2)
    assert batch.source.shape == batch.target.shape == (2, 3, PIXELS, PIXELS)
    assert batch.source.dtype == batch.target.dtype == torch.uint8
    assert (batch.target[0] != batch.target[1]).any()
    assert batch.source.any() != (kind == "still")
    wanted = asked(batch, studio.drawings)
    assert (wanted.named == (batch.thing >= 0)).all()
    assert wanted.drawings.max() <= 1


def test_photo_keeps_the_source(studio: Studio) -> None:
    """The first look gives the source back, where the source is all there is."""
    batch = studio.paint(0, "repaint", 1)
    assert torch.equal(batch.source, batch.target)


def test_batches_join() -> None:
    """Batches of several looks are one."""
    one = Batch(*(torch.zeros(2, 3) for _ in range(8)))
    assert Batch.join([one, one]).t.shape == (4, 3)
