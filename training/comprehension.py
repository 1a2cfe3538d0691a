"""A question asked of the text encoder beside the painting: what does this caption wish for?

Which of two colours is the object's is a matter of grammar. Learned through pictures alone it takes tens of thousands of
them; asked directly, with the wish behind a caption as the label, a few thousand captions do, and they cost next to nothing.
"""

import random

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer
from torch import Tensor, nn

from engines.families.embedded.network import POOLS
from engines.families.embedded.shapes import TEXT_WIDTH

from .captions import Wish, random_wish, repaint_caption, scene_caption
from .words import COLOURS, SHAPES, STYLES

WORDS: dict[str, tuple[str, ...]] = {
    "shape": SHAPES,
    "colour": COLOURS,
    "background": COLOURS,
    "style": STYLES,
}


def labels_of(wish: Wish) -> list[int]:
    """For each attribute the place of its word, or one past the last where the caption does not say."""
    values = ((words, getattr(wish, name)) for name, words in WORDS.items())
    return [len(words) if value is None else words.index(value) for words, value in values]


def random_captions(count: int, tokenizer: Tokenizer, rng: random.Random) -> tuple[Tensor, Tensor]:
    """Token ids [count, 24] of fresh captions, and the labels [count, 4] of the wishes behind them."""
    captions, labels = [], []
    for _ in range(count):
        wish = random_wish(rng)
        if rng.random() < 0.2:
            wish = Wish(style=wish.style)
            captions.append(repaint_caption(wish.style, rng))
        else:
            captions.append(scene_caption(wish, rng))
        labels.append(labels_of(wish))
    return torch.tensor([encoding.ids for encoding in tokenizer.encode_batch(captions)]), torch.tensor(labels)


class Readers(nn.Module):
    """A linear reading of each attribute from the denoiser's pooled text [n, POOLS * 128]."""

    def __init__(self) -> None:
        super().__init__()
        self.readers = nn.ModuleList(nn.Linear(POOLS * TEXT_WIDTH, len(words) + 1) for words in WORDS.values())

    def loss(self, pooled: Tensor, labels: Tensor) -> tuple[Tensor, float]:
        """Cross entropy summed over the attributes, and the share of captions of which all were read right."""
        answers = [reader(pooled) for reader in self.readers]
        loss = torch.stack([F.cross_entropy(answer, wanted) for answer, wanted in zip(answers, labels.T, strict=True)]).sum()
        right = torch.stack([answer.argmax(1) == wanted for answer, wanted in zip(answers, labels.T, strict=True)]).all(0)
        return loss, right.float().mean().item()
