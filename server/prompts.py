"""What prompts mean to a student, remembered: encoding costs a network, and a stream says the same thing for minutes."""

from collections import OrderedDict
from collections.abc import Callable

import numpy as np

from engines.engine import Conditioning

from .types import Prompt

KEPT = 512
"""Prompts remembered; the one longest unused makes room."""


class Prompts:
    """Conditioning by prompt. Belongs to the engine's thread, which `encode` is called on."""

    def __init__(self, encode: Callable[[str], Conditioning]) -> None:
        self._encode = encode
        self._known: OrderedDict[str, Conditioning] = OrderedDict()

    def conditioning(self, prompt: Prompt) -> Conditioning:
        """The weighted mean of what the blend's parts mean."""
        if len(prompt) == 1:
            return self._one(prompt[0][0])
        return np.asarray(np.sum([np.float32(weight) * self._one(text) for text, weight in prompt], axis=0, dtype=np.float32))

    def _one(self, text: str) -> Conditioning:
        if text in self._known:
            self._known.move_to_end(text)
            return self._known[text]
        conditioning = self._known[text] = self._encode(text)
        if len(self._known) > KEPT:
            self._known.popitem(last=False)
        return conditioning
