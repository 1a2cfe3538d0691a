"""What prompts mean to a student, remembered: encoding costs a network, and a stream says the same thing for minutes."""

from collections import OrderedDict
from collections.abc import Callable

import numpy as np

from engines.engine import Conditioning

from .types import Prompt

TEXT_BYTES = 48 << 20
"""Bytes of conditioning remembered of single texts; what is longest unused makes room. SDXL's takes half a megabyte each."""
BLEND_BYTES = 16 << 20
"""Bytes remembered of blends, apart: a prompt on its way to another is a new blend with every frame."""


class _Kept:
    """What is remembered, up to so many bytes."""

    def __init__(self, most: int) -> None:
        self._most, self._bytes = most, 0
        self._known: OrderedDict[Prompt, Conditioning] = OrderedDict()

    def get(self, prompt: Prompt) -> Conditioning | None:
        if prompt not in self._known:
            return None
        self._known.move_to_end(prompt)
        return self._known[prompt]

    def put(self, prompt: Prompt, conditioning: Conditioning) -> Conditioning:
        self._known[prompt] = conditioning
        self._bytes += conditioning.nbytes
        while self._bytes > self._most and len(self._known) > 1:
            _, forgotten = self._known.popitem(last=False)
            self._bytes -= forgotten.nbytes
        return conditioning


class Prompts:
    """Conditioning by prompt. Belongs to the engine's thread, which `encode` is called on."""

    def __init__(
        self, encode: Callable[[str], Conditioning], text_bytes: int = TEXT_BYTES, blend_bytes: int = BLEND_BYTES
    ) -> None:
        self._encode, self._texts, self._blends = encode, _Kept(text_bytes), _Kept(blend_bytes)

    def conditioning(self, prompt: Prompt) -> Conditioning:
        """The weighted mean of what the blend's parts mean."""
        if len(prompt) == 1:
            return self._one(prompt[0][0])
        if (known := self._blends.get(prompt)) is not None:
            return known
        parts = [np.float32(weight) * self._one(text) for text, weight in prompt]
        return self._blends.put(prompt, np.asarray(np.sum(parts, axis=0, dtype=np.float32)))

    def _one(self, text: str) -> Conditioning:
        alone = ((text, 1.0),)
        if (known := self._texts.get(alone)) is not None:
            return known
        return self._texts.put(alone, self._encode(text))
