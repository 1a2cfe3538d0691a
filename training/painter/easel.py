"""All that is trained of the painter: its network, and what it knows of each look."""

import math

import torch
from torch import Tensor, nn

from engines.families.painter.network import EMBEDDING, HEAD, INKS, TOUCH, WIDTHS, Painter, Told, head_size
from engines.families.painter.scene import Asked
from engines.families.painter.shapes import CELL, CHANNELS
from training.looks import LOOKS

from .textures import bank, look_maps

ALONG = {
    "van gogh", "oil painting", "delft", "impressionist", "gouache", "coloured pencil", "pastel", "brush and ink",
    "scratch art", "noir", "linocut",
}  # fmt: skip
"""Looks whose strokes run along the forms. They begin so: how they run shows in strokes only, which come once it is right."""

IN_CELLS = {"pixel art", "bricks", "cross stitch", "knit", "terminal"}
"""Looks that are made of cells. In all others one cell begins to go over into the next smoothly."""


def first_head(maps: int) -> Tensor:
    """A head [head_size] that gives the picture back, its inks nearly dry: from there every look is a short way."""
    features, cell = WIDTHS[0], CELL * CELL
    matrix = torch.randn(HEAD, features) * (0.3 / math.sqrt(features))
    matrix[:CHANNELS] = 0.0
    weave = torch.zeros(INKS * cell, 4)
    weave[:, 0] = -2.0
    return torch.cat([matrix.flatten(), torch.zeros(INKS * (maps + 2)), weave.flatten(), torch.ones(3), torch.zeros(2)])


class Easel(nn.Module):
    """The painter and what it knows of each look: all that is trained."""

    def __init__(self) -> None:
        super().__init__()
        maps = look_maps()
        self.painter = Painter(maps, bank())
        size = head_size(maps.shape[0])
        self.look = nn.Parameter(torch.randn(len(LOOKS), EMBEDDING) * 0.5)
        self.head = nn.Parameter(torch.zeros(len(LOOKS), size))
        self.common = nn.Parameter(torch.zeros(size))
        self.touch = nn.Parameter(torch.zeros(len(LOOKS), TOUCH))
        with torch.no_grad():
            self.common.copy_(first_head(maps.shape[0]))
            self.head[[k for k, name in enumerate(LOOKS) if name in ALONG], -2] = 1.0
            self.head[[k for k, name in enumerate(LOOKS) if name not in IN_CELLS], -1] = 1.0

    def heads(self) -> Tensor:
        """[looks, head_size]."""
        return self.common + self.head

    def told(self, look: Tensor, wanted: Asked) -> Told:
        return Told(self.look[look], self.common + self.head[look], self.touch[look], wanted)

    def tables(self) -> list[nn.Parameter]:
        """What is of one look each, so that few of a batch teach it."""
        return [self.look, self.head, self.touch]


def adopt(easel: Easel, state: dict[str, Tensor], looks: list[str]) -> None:
    """Load what fits: by name, the tables of looks by the names of the looks, grown tensors in their first part."""
    own = easel.state_dict()
    for name, value in state.items():
        if name not in own or name in ("painter.maps", "painter.bank"):
            continue
        if name in ("look", "head", "touch"):
            known = {look: value[k] for k, look in enumerate(looks)}
            for k, look in enumerate(LOOKS):
                if look in known:
                    own[name][k, : value.shape[1]] = known[look]
        elif own[name].shape == value.shape:
            own[name] = value
        else:
            print(f"{name} has grown from {tuple(value.shape)} to {tuple(own[name].shape)}", flush=True)
            part = tuple(slice(0, min(a, b)) for a, b in zip(own[name].shape, value.shape, strict=True))
            own[name][part] = value[part]
    easel.load_state_dict(own)
