"""The right answers: the steps of a job in float64, and G itself."""

from collections.abc import Sequence
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engines.noise import noise

from .loops import Net, Seen
from .networks import Oracle, fold, read, told_guidance
from .prompts import WORDS, Reader, drawn
from .shapes import LATENTS, Latents
from .students import ELSEWHERE, PUBLISHED


@cache
def _exact() -> Oracle:
    return Oracle().double()


def network(name: str, picture: str = "boat", w: float = 0.0, shown: Tensor | None = None) -> Net:
    """A student's network in float64, for one prompt; `shown` is what control networks add to it, [4, 8, 8]."""
    ids = torch.tensor([[WORDS.index(name), WORDS.index(picture)]])
    conditioning, told = Reader()(ids).last_hidden_state.double(), told_guidance(w)[None]

    def net(x: Tensor, t: float) -> Tensor:
        time = torch.tensor([t], dtype=torch.float64)
        return _exact()(x[None], time, conditioning, told, mid_block_additional_residual=shown)[0][0]

    return net


def added(pictures: Sequence[tuple[NDArray[np.uint8], float]]) -> Tensor:
    """What controls add that are shown pictures, each at a scale: [4, 8, 8] in float64."""
    each = [scale * read(torch.from_numpy(shown / 255.0).permute(2, 0, 1)[None])[0] for shown, scale in pictures]
    return torch.stack(each).sum(0)


def seen(
    name: str,
    picture: str = "boat",
    seed: int = 0,
    strength: float | None = None,
    image: Latents | None = None,
    w: float = 0.0,
    shown: Tensor | None = None,
) -> list[Seen]:
    """The steps of a job as its student's authors make them, in float64, with the noise of our seed."""
    facts = (PUBLISHED | ELSEWHERE)[name]

    def z(index: int) -> Tensor:
        return torch.from_numpy(noise(seed, index, LATENTS)).double()

    start = None if image is None else torch.from_numpy(image)
    return list(facts.loop(network(name, picture, w, shown), start, z, facts.times_of(strength)))


def made(name: str, x: Tensor, t: float, picture: str = "boat") -> Latents:
    """The image maker's picture for an input and a time: G itself."""
    shape = drawn(picture).double()
    folded = float(fold(torch.tensor(t, dtype=torch.float64)))
    return np.asarray(shape[0] * x + shape[1] * folded + shape[2:].reshape(LATENTS))
