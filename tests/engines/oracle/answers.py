"""The right answers: the steps of a job in float64, and G itself."""

from functools import cache

import numpy as np
import torch
from torch import Tensor

from engines.noise import noise

from .loops import Net, Seen
from .networks import Oracle, fold, told_guidance
from .prompts import WORDS, Reader, drawn
from .shapes import LATENTS, Latents
from .students import ELSEWHERE, PUBLISHED


@cache
def _exact() -> Oracle:
    return Oracle().double()


def network(name: str, picture: str = "boat", w: float = 0.0) -> Net:
    """A student's network in float64, for one prompt."""
    ids = torch.tensor([[WORDS.index(name), WORDS.index(picture)]])
    conditioning, told = Reader()(ids).last_hidden_state.double(), told_guidance(w)[None]

    def net(x: Tensor, t: float) -> Tensor:
        return _exact()(x[None], torch.tensor([t], dtype=torch.float64), conditioning, told)[0][0]

    return net


def seen(
    name: str, picture: str = "boat", seed: int = 0, strength: float | None = None, image: Latents | None = None, w: float = 0.0
) -> list[Seen]:
    """The steps of a job as its student's authors make them, in float64, with the noise of our seed."""
    facts = (PUBLISHED | ELSEWHERE)[name]

    def z(index: int) -> Tensor:
        return torch.from_numpy(noise(seed, index, LATENTS)).double()

    start = None if image is None else torch.from_numpy(image)
    return list(facts.loop(network(name, picture, w), start, z, facts.times_of(strength)))


def made(name: str, x: Tensor, t: float, picture: str = "boat") -> Latents:
    """The image maker's picture for an input and a time: G itself."""
    shape = drawn(picture).double()
    folded = float(fold(torch.tensor(t, dtype=torch.float64)))
    return np.asarray(shape[0] * x + shape[1] * folded + shape[2:].reshape(LATENTS))
