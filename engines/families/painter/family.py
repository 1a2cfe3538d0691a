"""The painter: it comes with its graphs."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ...masks import Mask, Weights, pixel_weights
from ...ports import FLOAT, SHOWN, Port, Ports
from ...student import Student
from ..family import Family
from .shapes import CELL, CHANNELS, PIXELS, ROWS, TOKENS, WIDTH

if TYPE_CHECKING:
    from ..modules import GraphModules


@dataclass(frozen=True)
class PainterFamily(Family):
    """`training.painter` makes its graphs. Its latents are pixels, so that a mask keeps them one by one."""

    def ports(self, student: Student) -> Ports:
        declared = super().ports(student)
        if not student.controls:
            return declared
        shown = Port(FLOAT, student.latent_shape, optional=True, output=True)
        return {**declared, "denoise": {**declared["denoise"], SHOWN: shown}}

    def read_modules(self, folder: Path) -> "GraphModules":
        from .modules import read_modules

        return read_modules(folder)

    def mask_weights(self, mask: Mask) -> Weights:
        return pixel_weights(mask, CELL)


PAINTER = PainterFamily(
    "Allaprima's painter",
    latent_channels=CHANNELS,
    downscale=CELL,
    multiple=PIXELS,
    text_shape=(ROWS, WIDTH),
    pooled_rows=ROWS - TOKENS,
)
