"""Random training pictures: plain (not yet in any style) sources, of every kind there is."""

import random
from collections.abc import Sequence

import torch
from PIL import Image
from torch import Tensor

from engines.noise import noise

from .captions import random_wish
from .coupling import scene_for
from .pictures import dead_leaves, random_crop
from .scenes import render
from .styles import FILTERS
from .words import STYLES


def noise_for(seed: int, channels: int = 24, side: int = 32) -> Tensor:
    """The noise of a job: float [channels, side, side], the same numbers the server draws for this seed."""
    return torch.from_numpy(noise(seed, 0, (channels, side, side)))


def random_scene(rng: random.Random, pixels: int = 256) -> Tensor:
    return render(scene_for(random_wish(rng), noise_for(rng.getrandbits(32))), pixels)


def random_source(photographs: Sequence[Image.Image], rng: random.Random, pixels: int = 256) -> Tensor:
    """A plain picture [3, pixels, pixels] in [0, 1]: a photograph's crop, dead leaves, or a scene."""
    kind = rng.random()
    if kind < 0.5:
        return random_crop(rng.choice(photographs), rng, pixels)
    if kind < 0.8:
        return dead_leaves(rng, pixels)
    return random_scene(rng, pixels)


def styled(picture: Tensor, style: str) -> Tensor:
    return FILTERS[style](picture[None])[0].clamp(0, 1)


def random_styled(photographs: Sequence[Image.Image], rng: random.Random, pixels: int = 256) -> Tensor:
    return styled(random_source(photographs, rng, pixels), rng.choice(STYLES))


def pixels_of(pictures: Sequence[Tensor]) -> Tensor:
    """[0, 1] pictures as one batch in the codec's range [-1, 1]."""
    return torch.stack(list(pictures)) * 2 - 1
