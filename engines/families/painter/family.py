"""The painter: it comes with its graphs."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..family import Family
from .shapes import CELL, CHANNELS, PIXELS, ROWS, TOKENS, WIDTH

if TYPE_CHECKING:
    from ..modules import GraphModules


@dataclass(frozen=True)
class PainterFamily(Family):
    """`training.painter` makes its graphs."""

    def read_modules(self, folder: Path) -> "GraphModules":
        from .modules import read_modules

        return read_modules(folder)


PAINTER = PainterFamily(
    "Allaprima's painter",
    latent_channels=CHANNELS,
    downscale=CELL,
    multiple=PIXELS,
    text_shape=(ROWS, WIDTH),
    pooled_rows=ROWS - TOKENS,
)
