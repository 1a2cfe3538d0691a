import random
from pathlib import Path

import pytest
import torch

from engines.families.embedded.codec import Codec
from training import reader as reader_module
from training.captions import Wish
from training.reader import Pictures, Reader, ReaderNet, any_wish, labels_of, loss_of, make_reader
from training.words import COLOURS, SHAPES, STYLES


@pytest.fixture
def codec() -> Codec:
    return Codec().eval().requires_grad_(False)


def test_labels_are_places_in_the_lists_and_silence_is_ignored() -> None:
    last = Wish(STYLES[-1], SHAPES[-1], COLOURS[-1], COLOURS[0])
    assert labels_of(last) == [7, 9, 0, 15]
    assert labels_of(Wish("photo")) == [-100, -100, -100, 0]


def test_a_wish_for_the_reader_leaves_nothing_open() -> None:
    rng = random.Random(0)
    assert all(-100 not in labels_of(any_wish(rng)) for _ in range(100))


def test_the_pool_replaces_its_oldest(codec: Codec) -> None:
    pool = Pictures(codec, seed=0, capacity=6)
    pool.add(4)
    assert len(pool) == 4
    pool.add(4)
    assert len(pool) == 6
    pictures, labels = pool.batch(16)
    assert pictures.shape == (16, 3, 96, 96)
    assert labels.shape == (16, 4)
    assert 0 <= float(pictures.min()) <= float(pictures.max()) <= 1


def test_learning_lowers_the_loss_even_without_scenes(codec: Codec) -> None:
    pictures, labels = Pictures(codec, seed=0).fresh(4, scenes=0.0)
    assert set(labels[:, 0].tolist()) == {-100}
    net = ReaderNet()
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3)
    losses = []
    for _ in range(6):
        loss = loss_of(net, pictures, labels)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]


def test_a_reader_is_the_same_after_saving(codec: Codec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader_module, "READABLE", 0.0)
    made, report = make_reader(codec, seconds=0.5, first=8, exam=8)
    assert made.object_styles == tuple(report["readable"]["colour"]) != ()
    made.save(tmp_path / "reader.pt")
    again = Reader.load(tmp_path / "reader.pt")
    pictures = torch.rand(3, 3, 256, 256)
    assert again.read(pictures) == made.read(pictures)
    assert again.background_styles == made.background_styles
