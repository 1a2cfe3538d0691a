"""Training the painter's eye, with tiny settings."""

import random
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from engines.families.painter.control import PLAIN
from server.eyes import EYES
from training.painter import eye as module
from training.painter.drawing import GAIN, WIDTH, lines, tones
from training.painter.eye import Sketch, Trainer, read_control, sketch, train
from training.painter.studio import Plain


def _picture() -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    y, x = np.mgrid[0:512, 0:512]
    picture = np.stack([x / 2, y / 2, 128 + 100 * np.sin(x / 11) * np.cos(y / 17)], -1).astype(np.uint8)
    picture[150:350, 150:350] = (30, 60, 90)
    return picture


@pytest.fixture(scope="module")
def some() -> Sketch:
    plain = Plain([Image.fromarray(_picture())], "cpu", seed=3)
    return Sketch.join([sketch(plain) for _ in range(2)])


@pytest.mark.parametrize("knobs", [(WIDTH, GAIN), (2.5, 24.0)])
def test_it_is_shown_what_the_server_sees(knobs: tuple[float, float]) -> None:
    """Lines are, to the bit, those of the server's eye, which is set as the training has it where nobody sets it."""
    eye = EYES["lines"]
    assert {name: knob.default for name, knob in eye.knobs.items()} == {"width": WIDTH, "gain": GAIN}
    seen = eye.see(_picture(), dict(zip(("width", "gain"), knobs, strict=True)))
    assert np.array_equal(lines(_picture(), *knobs), seen[..., 0])
    assert seen.any()


def test_what_is_wanted_of_lines() -> None:
    """Tones are of what is darker or lighter than around it; of how light the whole is, little."""
    picture = torch.full((1, 3, 256, 256), 0.8)
    assert tones(picture).std() < 1e-3
    assert tones(picture).mean() == pytest.approx(PLAIN + 0.25 * 0.3, abs=1e-3)
    picture[..., 100:140, 100:140] = 0.2
    made = tones(picture)[0, 0]
    assert made[120, 120] < made[120, 60] - 0.3


def test_training_learns_saves_and_goes_on(some: Sketch, tmp_path: Path) -> None:
    """Steps lower the loss; a checkpoint is taken up where it was left, at its step."""
    trainer = Trainer(tmp_path, 5e-3)
    trainer.step = 100  # past the first, which are small
    losses = []
    for _ in range(5):
        # the same crops and the same noise at each step
        trainer.rng = random.Random(1)
        torch.manual_seed(1)
        losses.append(trainer.learn(some, 0.0))
    assert losses[-1] < losses[0]
    trainer.save()
    again = Trainer(tmp_path, 2e-3)
    assert again.step == 105
    assert torch.equal(again.control.tones.enter.weight, trainer.control.tones.enter.weight)
    assert torch.equal(read_control(tmp_path).tones.leave.weight, trainer.average.tones.leave.weight)


def test_what_is_no_number_is_not_learnt(some: Sketch, tmp_path: Path) -> None:
    """A loss that is no number ends the training, before it spoils the network."""
    trainer = Trainer(tmp_path, 2e-3)
    with torch.no_grad():
        trainer.control.tones.leave.weight[0] = torch.nan
    before = trainer.control.tones.enter.weight.clone()
    with pytest.raises(FloatingPointError, match="the last checkpoint is as it was"):
        trainer.learn(some, 0.0)
    assert torch.equal(trainer.control.tones.enter.weight, before)


def test_the_whole_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A training of a second draws pictures and leaves a checkpoint; one whose time is over ends at once."""
    monkeypatch.setattr(module, "load_photographs", lambda **how: {"one": Image.fromarray(_picture())})
    train(tmp_path, 0.5, batch_size=1, pool=2)
    trained = Trainer(tmp_path, 2e-3)
    assert trained.step > 0
    assert trained.spent >= 0.5
    train(tmp_path, 0.5, batch_size=1, pool=2)
    assert Trainer(tmp_path, 2e-3).step == trained.step
