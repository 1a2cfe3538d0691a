"""Pictures, the prompts that ask for them, and what reads prompts in a text encoder's place."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from .networks import FAMILIES
from .shapes import POOLED, WIDTH
from .students import ELSEWHERE, PUBLISHED

PICTURES = ("boat", "heart", "house", "star", "moon")
_NAMES = [*PUBLISHED, *ELSEWHERE]
WORDS = ["<pad>", *_NAMES, *PICTURES]


def prompt(name: str, picture: str = "boat") -> str:
    return f"{name} {picture}"


def drawn(picture: str) -> Tensor:
    """[WIDTH], of float32's numbers."""
    rng = np.random.default_rng(PICTURES.index(picture))
    slopes = np.array([rng.uniform(0.3, 0.7), rng.uniform(0.2, 0.4)])
    return torch.from_numpy(np.concatenate([slopes, rng.standard_normal(WIDTH - 2)]).astype(np.float32))


def _family(name: str) -> Tensor:
    """[2]: the family's number, and whether guidance counts."""
    facts = (PUBLISHED | ELSEWHERE)[name]
    return torch.tensor([float(list(FAMILIES).index(facts.family)), float(facts.guided)])


class Reader(nn.Module):
    """In a text encoder's place: ids [n, 2] to columns `first` to `last` of the conditioning [n, 2, WIDTH]."""

    def __init__(self, first: int = 0, last: int = WIDTH) -> None:
        super().__init__()
        self.first, self.last = first, last
        self.config = SimpleNamespace(projection_dim=POOLED)
        self.register_buffer("families", torch.stack([torch.zeros(POOLED), *(_family(name) for name in _NAMES)]))
        self.register_buffer("pictures", torch.stack([drawn(picture) for picture in PICTURES]))

    def forward(self, ids: Tensor, output_hidden_states: bool = False) -> Any:
        families: Tensor = self.families[ids[:, 0].clamp(0, len(_NAMES))]  # type: ignore[index]
        pictures: Tensor = self.pictures[(ids[:, 1] - len(_NAMES) - 1).clamp(0, len(PICTURES) - 1)]  # type: ignore[index]
        read = torch.stack([nn.functional.pad(families, (0, WIDTH - POOLED)), pictures], 1)[:, :, self.first : self.last]
        return SimpleNamespace(last_hidden_state=read, hidden_states=(read, 0 * read), text_embeds=families)
