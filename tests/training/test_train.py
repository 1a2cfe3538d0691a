import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from engines.families.embedded.codec import Codec
from training import shards
from training.export import modules_from_training
from training.pairs import PairKind, Pairs
from training.sources import noise_for
from training.train import Trainer, choose_levels, train

PAIRS = 16


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A training folder with an untrained codec and one small shard."""
    folder = tmp_path_factory.mktemp("student")
    codec = Codec().eval()
    torch.save(codec.state_dict(), folder / "codec.pt")
    (folder / "shards").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards, "SHARD", PAIRS)
        shards.write_shard(folder / "shards" / "00000.npz", 0, codec, [_photograph()], stills=0.6)
        yield folder


def _photograph() -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (80, 100, 3), dtype=np.uint8))


def test_a_shard_is_a_function_of_its_index(folder: Path, tmp_path: Path) -> None:
    shards.write_shard(tmp_path / "again.npz", 0, shards.load_codec(folder), [_photograph()], stills=0.6)
    with np.load(tmp_path / "again.npz") as a, np.load(folder / "shards" / "00000.npz") as b:
        assert set(a.files) == set(b.files)
        for key in a.files:
            assert len(b[key]) == PAIRS
            assert np.array_equal(a[key], b[key])


def test_a_half_written_shard_is_not_read(folder: Path, tmp_path: Path) -> None:
    whole = (folder / "shards" / "00000.npz").read_bytes()
    (tmp_path / "00000.npz").write_bytes(whole)
    (tmp_path / "00001.tmp.npz").write_bytes(whole[: len(whole) // 2])
    pairs = Pairs(tmp_path)
    assert pairs.refresh() == PAIRS
    assert pairs.refresh() == PAIRS
    (tmp_path / "00001.npz").write_bytes(whole)
    assert pairs.refresh() == 2 * PAIRS


def test_a_drawn_pair_comes_with_the_noise_of_its_seed(folder: Path) -> None:
    pairs = Pairs(folder / "shards")
    pairs.refresh()
    batch = pairs.draw(32, np.random.default_rng(0), stills=1.0)
    assert set(batch["kind"].tolist()) == {PairKind.STILL}
    with np.load(folder / "shards" / "00000.npz") as data:
        noises = [noise_for(int(seed)) for seed in data["seed"]]
    assert all(any(torch.equal(drawn, noise) for noise in noises) for drawn in batch["noise"][:4])


@pytest.mark.parametrize("stage", ["teacher", "student"])
def test_noise_levels_are_those_of_the_kind(stage: str) -> None:
    kind = torch.tensor([PairKind.STILL, PairKind.REPAINT, PairKind.FOREIGN]).repeat(400)
    t, plain, other = choose_levels(kind, stage, np.random.default_rng(0))
    assert float(t.min()) >= 0.0199
    assert float(t.max()) <= 1
    assert bool((t[(kind == PairKind.STILL) & ~plain & ~other] == 1).all())
    assert not bool((plain & other).any())
    assert not bool(plain[kind == PairKind.FOREIGN].any())
    assert float(t[kind == PairKind.FOREIGN].max()) <= 0.7


def test_some_steps_lower_the_loss(folder: Path) -> None:
    trainer = Trainer(folder, "teacher", 3e-3, "cpu")
    trainer.step = 200
    pairs = Pairs(folder / "shards")
    pairs.refresh()
    batch = pairs.draw(4, np.random.default_rng(0), stills=0.7)
    losses = []
    for _ in range(10):
        # the same captions and the same levels at each step: only what was learned tells the losses apart
        trainer.rng = random.Random(1)
        losses.append(trainer.learn(batch, 0.0, np.random.default_rng(1)))
    assert losses[-1] < 0.9 * losses[0]


def test_both_stages_leave_a_checkpoint_that_can_be_exported(folder: Path) -> None:
    train(folder, "teacher", 0.1, 2, 1e-3, "cpu")
    assert modules_from_training(folder).text.text.tokens.num_embeddings > 100
    teacher = Trainer(folder, "teacher", 1e-3, "cpu")
    assert teacher.step > 0
    assert teacher.spent >= 0.1
    student = Trainer(folder, "student", 1e-3, "cpu")
    average = teacher.average.denoiser.leave.weight
    assert torch.equal(student.student.denoiser.leave.weight, average)
    assert torch.equal(modules_from_training(folder, "teacher").denoise.denoiser.leave.weight, average)


def test_a_student_needs_a_teacher_and_a_teacher_pairs(tmp_path: Path) -> None:
    torch.save(Codec().state_dict(), tmp_path / "codec.pt")
    with pytest.raises(SystemExit, match="teacher"):
        train(tmp_path, "student", 0.1, 2, 1e-3, "cpu")
    with pytest.raises(SystemExit, match="shards"):
        train(tmp_path, "teacher", 0.1, 2, 1e-3, "cpu")


def test_shards_hold_every_kind_of_pair(folder: Path) -> None:
    with np.load(folder / "shards" / "00000.npz") as data:
        assert data["source"].shape == data["target"].shape == (PAIRS, 24, 32, 32)
        assert data["tokens"].shape == (PAIRS, 24)
        assert set(data["kind"].tolist()) >= {PairKind.STILL, PairKind.REPAINT}
