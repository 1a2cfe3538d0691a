"""Training the painter, with tiny settings."""

import random
from pathlib import Path

import pytest
import torch
from PIL import Image

from training.looks import LOOKS
from training.painter import train as module
from training.painter.easel import Easel, adopt
from training.painter.shards import Shards, render, save
from training.painter.sheet import draw_sheet
from training.painter.studio import Studio
from training.painter.things import load_small
from training.painter.train import Trainer, fresh, train


@pytest.fixture(scope="module")
def folder(drawn: Path) -> Path:
    """A training folder with one small shard of two cheap looks."""
    studio = Studio(drawn / "things.npz", [Image.new("RGB", (64, 64), (200, 90, 40))], "cpu", seed=1)
    looks = [list(LOOKS).index(name) for name in ("sepia", "thermal")]
    if not (drawn / "shards" / "00000").exists():
        save(render(studio, random.Random(5), looks), drawn / "shards" / "00000")
    return drawn


def test_shards_are_read_by_the_names_of_their_looks(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look is found by its name after the list has grown; one that is gone is left out."""
    shards = Shards(folder / "shards")
    assert shards.refresh() == shards.refresh() == 8
    names = {list(LOOKS)[int(k)] for k in shards.draw(20, random.Random(0)).look}
    assert names == {"sepia", "thermal"}
    monkeypatch.setattr("training.painter.shards.LOOKS", {"new": 0, "thermal": 0})
    fewer = Shards(folder / "shards")
    assert fewer.refresh() == 4
    assert set(fewer.draw(9, random.Random(0)).look.tolist()) == {1}


def test_some_looks_only(folder: Path) -> None:
    """Of shards, only pictures in the looks that are to be learnt are drawn."""
    shards = Shards(folder / "shards", ["thermal"])
    assert shards.refresh() == 4
    assert set(shards.draw(9, random.Random(0)).look.tolist()) == {list(LOOKS).index("thermal")}


def test_training_learns_saves_and_goes_on(folder: Path, tmp_path: Path) -> None:
    """Steps lower the loss; a checkpoint is taken up where it was left, at its step."""
    trainer = Trainer(folder, 2e-3, "cpu", 1.0)
    shards = Shards(folder / "shards")
    shards.refresh()
    batch = shards.draw(2, random.Random(0))
    losses = []
    for _ in range(6):
        # the same crops and the same noise at each step: only what was learned tells the losses apart
        trainer.rng = random.Random(1)
        torch.manual_seed(1)
        losses.append(trainer.learn(batch, 0.0))
    assert losses[-1] < losses[0]
    trainer.out = tmp_path
    trainer._checkpoint = tmp_path / "painter.pt"
    trainer.save()
    (tmp_path / "things.npz").symlink_to(folder / "things.npz")
    again = Trainer(tmp_path, 2e-3, "cpu", 1.0)
    assert again.step == 6
    for name, value in trainer.average.state_dict().items():
        assert torch.equal(value, again.average.state_dict()[name]), name
    assert again.optimizer.state_dict()["state"].keys() == trainer.optimizer.state_dict()["state"].keys()
    # of a network that was smaller, the weights are taken up and the optimizer's state is not, which is of other shapes
    saved = torch.load(tmp_path / "painter.pt", weights_only=True)
    moments = next(state for state in saved["optimizer"]["state"].values() if state["exp_avg"].ndim == 2)
    moments["exp_avg"] = moments["exp_avg"][:, :-1]
    torch.save(saved, tmp_path / "painter.pt")
    assert not Trainer(tmp_path, 2e-3, "cpu", 1.0).optimizer.state_dict()["state"]


def test_only_what_is_of_a_look_is_tuned(folder: Path, tmp_path: Path) -> None:
    """Tuning the looks of a batch alone leaves all that looks share, and all other looks, as they were, to the bit."""
    (tmp_path / "things.npz").symlink_to(folder / "things.npz")
    with pytest.raises(SystemExit, match="nothing to tune"):
        Trainer(tmp_path, 2e-3, "cpu", 1.0, own=True)
    Trainer(tmp_path, 2e-3, "cpu", 1.0).save()
    trainer = Trainer(tmp_path, 2e-3, "cpu", 1.0, own=True)
    before = {name: value.clone() for name, value in trainer.average.state_dict().items()}
    shards = Shards(folder / "shards", ["thermal"])
    shards.refresh()
    for _ in range(2):
        trainer.learn(shards.draw(2, random.Random(0)), 0.0)
    taught = list(LOOKS).index("thermal")
    for kept in (trainer.easel, trainer.average):
        for name, value in kept.state_dict().items():
            changed = (value != before[name]).flatten(1).any(1).nonzero().flatten().tolist() if value.ndim > 1 else []
            assert changed == ([taught] if name in ("look", "head", "touch") else []), name
            assert value.ndim > 1 or torch.equal(value, before[name]), name


def test_what_is_no_number_is_not_learnt_from(folder: Path) -> None:
    """A loss that is no number ends the training before weights or a checkpoint take it up."""
    trainer = Trainer(folder, 2e-3, "cpu", 1.0)
    shards = Shards(folder / "shards")
    shards.refresh()
    with torch.no_grad():
        trainer.easel.common[0] = torch.nan
    before = trainer.easel.painter.enter.weight.clone()
    with pytest.raises(FloatingPointError, match=r"step 0 is nan"):
        trainer.learn(shards.draw(1, random.Random(0)), 0.0)
    assert torch.equal(trainer.easel.painter.enter.weight, before)


def test_a_checkpoint_grows() -> None:
    """What is known of a look goes by its name; what has grown keeps the weights that fit."""
    old, names = Easel().state_dict(), list(LOOKS)
    old["look"], old["head"] = old["look"][[1, 0]] + 1, old["head"][[1, 0], :-2] + 1
    old["painter.time.weight"] = torch.full((96, 10), 7.0)
    new = Easel()
    adopt(new, old, [names[0], "gone"])
    assert torch.equal(new.look[0], old["look"][0])
    assert torch.equal(new.head[0, :-2], old["head"][0])
    assert (new.painter.time.weight[:, :10] == 7).all()
    assert not (new.painter.time.weight[:, 10:] == 7).any()


def test_the_loop_says_how_far_it_is(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Training without anything to learn from says so."""
    (tmp_path / "things.npz").symlink_to(folder / "things.npz")
    with pytest.raises(SystemExit, match=r"training\.painter\.shards"):
        train(tmp_path, seconds=1)


def test_on_a_device_it_renders_for_itself(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fresh batches hold as many pictures as are asked for, several looks in one."""
    cheap = {name: LOOKS[name] for name in ("sepia", "thermal")}
    monkeypatch.setattr(module, "LOOKS", cheap)
    monkeypatch.setattr("training.painter.studio.LOOKS", cheap)
    studio = Studio(folder / "things.npz", [], "cpu", seed=2)
    assert fresh(studio, 2, random.Random(0), list(cheap)).target.shape[0] == 2


def test_a_sheet_is_drawn(folder: Path, tmp_path: Path) -> None:
    """A sheet holds, for a look, a photograph painted by the network, by the look, and a thing."""
    drawings = torch.from_numpy(load_small(folder / "things.npz"))
    draw_sheet(Easel().eval(), drawings, tmp_path / "sheet.png", looks=["sepia"])
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.size == (6 * 512, 3 * 512)
