"""The four graphs of a painter as torch modules, and the modules again from the graphs' files."""

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...onnx_files import load_weights, read_weights
from ...ports import GRAPHS
from ..modules import GraphModules
from ..wrappers import TextGraph, Unguided, from_bytes, to_bytes
from .network import Painter
from .scene import MAP
from .shapes import CELL
from .text import Text


class EncodeGraph(nn.Module):
    """pixels uint8 [n, 512, 512, 3] -> latents float32 [n, 48, 128, 128]: the same numbers, in -1..1 and by cells."""

    def forward(self, pixels: Tensor) -> Tensor:
        return F.pixel_unshuffle(from_bytes(pixels), CELL)


class DenoiseGraph(Unguided):
    """The painter, named as its weights are in the file."""

    def __init__(self, painter: Painter) -> None:
        super().__init__()
        self.painter = painter

    @property
    def network(self) -> nn.Module:
        return self.painter


class DecodeGraph(nn.Module):
    """latents float32 [n, 48, 128, 128] -> pixels uint8 [n, 512, 512, 3]."""

    def forward(self, latents: Tensor) -> Tensor:
        return to_bytes(F.pixel_shuffle(latents * 127.5 + 127.5, CELL))


def modules_around(text: Text, painter: Painter) -> GraphModules:
    return GraphModules(TextGraph(text), EncodeGraph(), DenoiseGraph(painter), DecodeGraph())


def read_modules(folder: Path) -> GraphModules:
    """The modules again, from the ONNX files. Raises FileNotFoundError, and RuntimeError or KeyError if a weight is missing."""
    weights = {name: read_weights(folder / f"{name}.onnx") for name in GRAPHS}
    of_text, of_painter = weights["text"], weights["denoise"]
    drawings, maps, bank = of_text["text.drawings"], of_painter["painter.maps"], of_painter["painter.bank"]
    text = Text(
        vocabulary=of_text["text.reader.tokens.weight"].shape[0],
        looks=of_text["text.looks"].shape[0],
        things=drawings.shape[0],
        colours=of_text["text.palette"].shape[0] - 1,
        maps=maps.shape[0],
        variants=drawings.shape[1] // (MAP * MAP),
    )
    painter = Painter(torch.zeros_like(maps), torch.zeros_like(bank))
    load_weights(text, of_text, "text.")
    load_weights(painter, of_painter, "painter.")
    return modules_around(text, painter)
