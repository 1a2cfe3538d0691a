"""The four graphs of a painter as torch modules, and the modules again from the graphs' files."""

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...onnx_files import load_weights, read_weights
from ...ports import GRAPHS
from ..affine import AffineGraph
from ..modules import GraphModules
from ..wrappers import TextGraph, Unguided, from_bytes, to_bytes
from .control import Control
from .network import Painter, landscape_share, scene_share
from .scene import MAP, palette
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


class ControlledGraph(AffineGraph):
    """The painter with its control network before it: control uint8 [n, 1, 512, 512, 3], scale [n, 1].

    Beside x0 and x_next it gives what was added to what is painted, `shown`, as latents: 0 where the scale is.
    """

    def __init__(self, painter: Painter, control: Control) -> None:
        super().__init__()
        self.painter, self.control = painter, control

    def forward(  # type: ignore[override]
        self,
        x: Tensor,
        t: Tensor,
        conditioning: Tensor,
        A: Tensor,
        B: Tensor,
        alpha_next: Tensor,
        sigma_next: Tensor,
        noise_next: Tensor,
        control: Tensor,
        scale: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:
        told = self.painter.unpack(conditioning)
        content, u, thing = self.painter.composed(x, t, told.asked)
        before = thing * scene_share(t)[:, None, None, None]
        # eyes for lines give all three colours alike
        lines = F.pixel_unshuffle(control[:, 0, :, :, 1][:, None].to(torch.float32) / 255, CELL)
        added = self.control(content, lines, palette(u, told.asked), landscape_share(t), before)
        shown = scale[:, :, None, None] * added
        out = self.painter.paint_whole(content + shown, t, told)
        return *self.step(x, out, A, B, alpha_next, sigma_next, noise_next), shown


class DecodeGraph(nn.Module):
    """latents float32 [n, 48, 128, 128] -> pixels uint8 [n, 512, 512, 3]."""

    def forward(self, latents: Tensor) -> Tensor:
        return to_bytes(F.pixel_shuffle(latents * 127.5 + 127.5, CELL))


def modules_around(text: Text, painter: Painter, control: Control | None = None) -> GraphModules:
    denoise = DenoiseGraph(painter) if control is None else ControlledGraph(painter, control)
    return GraphModules(TextGraph(text), EncodeGraph(), denoise, DecodeGraph())


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
    control = None
    if any(name.startswith("control.") for name in of_painter):
        control = Control()
        load_weights(control, of_painter, "control.")
    return modules_around(text, painter, control)
