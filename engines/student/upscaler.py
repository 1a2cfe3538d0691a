"""What makes a student's pictures larger after they are painted, as data."""

import re
from dataclasses import dataclass
from typing import Literal, get_args

from .control import NOT_STATED
from .weights import Weights

SCALES = (2, 4)
"""How many times larger each side may be."""
Kind = Literal["network", "osediff"]
"""What an upscaler is: a graph of its own that makes pixels of pixels, or OSEDiff's adapters over Stable Diffusion 2.1."""
Colours = Literal["adain", "wavelet", "none"]
"""How a picture gets its colours back from what it was made of: by mean and spread, by its low frequencies, or not."""

_NAME = re.compile(r"[\w][\w .+-]{0,47}")
_CELL = 64
"""Pixels of OSEDiff's that go together: its latents are an eighth, and its network halves them three times."""


@dataclass(frozen=True, slots=True)
class Upscaler:
    """One-step super-resolution as a stage after a student.

    A large picture is enlarged in tiles of at most `tile` pixels a side, measured in what comes out, that overlap by
    `overlap`. `prompt` and `colours` are OSEDiff's alone. Raises ValueError.
    """

    name: str
    kind: Kind
    weights: Weights
    licence: str = NOT_STATED
    prompt: str = ""
    colours: Colours = "adain"
    tile: int = 768
    overlap: int = 256

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"an upscaler's name is up to 48 letters, digits, spaces and ._+-, not {self.name!r}")
        for what, value, known in (("kind", self.kind, get_args(Kind)), ("colours", self.colours, get_args(Colours))):
            if value not in known:
                raise ValueError(f"unknown {what} of an upscaler {value!r}; known: {', '.join(known)}")
        if self.tile < _CELL or self.tile % _CELL:
            raise ValueError(f"tile must be a multiple of {_CELL} pixels, not {self.tile}")
        if not 0 <= self.overlap <= self.tile // 2 or self.overlap % 8:
            raise ValueError(f"overlap must be a multiple of 8 up to half of the tile, not {self.overlap}")
