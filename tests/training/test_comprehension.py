import random

import torch

from engines.families.embedded.network import POOLS
from engines.families.embedded.shapes import TEXT_WIDTH, TOKENS
from training.captions import Wish, build_tokenizer
from training.comprehension import WORDS, Readers, labels_of, random_captions


def test_labels_name_the_wish() -> None:
    """Each attribute's label is the place of its word, or one past the last if nothing was said."""
    labels = labels_of(Wish("neon", "heart", None, "blue"))
    words = [[*values, None] for values in WORDS.values()]
    assert [among[label] for among, label in zip(words, labels, strict=True)] == ["heart", None, "blue", "neon"]


def test_captions_come_with_their_labels() -> None:
    """A batch has token ids and four labels a caption, the same for the same random numbers."""
    ids, labels = random_captions(40, build_tokenizer(), random.Random(3))
    again, _ = random_captions(40, build_tokenizer(), random.Random(3))
    assert ids.shape == (40, TOKENS)
    assert labels.shape == (40, 4)
    assert torch.equal(ids, again)
    assert all(int(labels[:, i].max()) <= len(words) for i, words in enumerate(WORDS.values()))


def test_readers_learn_what_is_there() -> None:
    """The loss of readers trained on a fixed batch falls until all of it is read right."""
    torch.manual_seed(0)
    _, labels = random_captions(8, build_tokenizer(), random.Random(4))
    pooled, readers = torch.randn(8, POOLS * TEXT_WIDTH), Readers()
    optimizer = torch.optim.Adam(readers.parameters(), lr=1e-2)
    first, _ = readers.loss(pooled, labels)
    for _ in range(30):
        loss, right = readers.loss(pooled, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.1 * first.item()
    assert right == 1.0
