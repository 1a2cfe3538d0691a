"""The student that ships: it comes with its graphs."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..family import Family
from .shapes import TEXT_WIDTH, TOKENS

if TYPE_CHECKING:
    from ..modules import GraphModules


@dataclass(frozen=True)
class Embedded(Family):
    """`training` makes its graphs."""

    def read_modules(self, folder: Path) -> "GraphModules":
        from .modules import read_modules

        return read_modules(folder)


EMBEDDED = Embedded("Allaprima's own", latent_channels=24, downscale=8, multiple=8, text_shape=(TOKENS, TEXT_WIDTH))
