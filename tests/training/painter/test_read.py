"""The reader of prompts."""

import random
from pathlib import Path

import torch

from training.looks import LOOKS
from training.painter.read import captions, labels, train
from training.painter.studio import COLOURS
from training.painter.things import things
from training.painter.words import Wish, build_tokenizer


def test_labels_say_what_is_wished_for() -> None:
    """What is not asked for is the class after the last."""
    assert labels(Wish(look=2, thing=5, behind=1)) == [2, 5, len(COLOURS), 1]
    assert labels(Wish()) == [0, len(things()), len(COLOURS), len(COLOURS)]


def test_captions_come_with_labels() -> None:
    """Token ids and labels in step, in range."""
    ids, wanted = captions(16, build_tokenizer(), random.Random(0))
    assert ids.shape == (16, 24)
    assert wanted.shape == (16, 4)
    assert (wanted[:, 0] < len(LOOKS)).all()
    assert (wanted[:, 1] <= len(things())).all()


def test_a_few_steps_teach_something(tmp_path: Path) -> None:
    """After some captions backgrounds are read better than by chance, and the file says which words it knows."""
    shares = train(tmp_path, steps=60, batch=64)
    assert shares[3] > 0.5
    saved = torch.load(tmp_path / "reader.pt", weights_only=True)
    assert saved["vocabulary"] == build_tokenizer().get_vocab()
    assert saved["looks"] == list(LOOKS)
