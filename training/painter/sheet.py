"""A sheet to look at: held-out photographs and things, painted by the network above and by the looks themselves below."""

from collections.abc import Collection
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from engines.families.painter.network import pack
from engines.families.painter.scene import Asked
from engines.families.painter.shapes import CELL, PIXELS
from training.looks import LOOKS
from training.photographs import load as load_photographs
from training.photographs import square

from .easel import Easel


def conditioning(easel: Easel, look: int, thing: int | None, drawings: Tensor, colour: Tensor | None = None) -> Tensor:
    """[1, rows, 128] for a look, perhaps a thing by its number, perhaps a colour [3] of the background."""
    named = torch.tensor([float(thing is not None)])
    drawn = drawings[[thing or 0]].float().cpu() / 255 * named
    told = torch.zeros(1, 3) if colour is None else colour[None]
    wanted = Asked(told, torch.tensor([float(colour is not None)]), named, drawn)
    return pack(easel.look[[look]].cpu(), easel.heads()[[look]].cpu(), easel.touch[[look]].cpu(), wanted)


def repaint(easel: Easel, look: int, picture: Tensor, drawings: Tensor, t: float = 0.5) -> Tensor:
    """A picture [3, 512, 512] in [0, 1] in a look, as the network paints it without noise."""
    x = F.pixel_unshuffle(picture[None] * 2 - 1, CELL)
    out = easel.painter.cpu()(x, torch.tensor([t]), conditioning(easel, look, None, drawings))
    return (F.pixel_shuffle(out, CELL)[0] / 2 + 0.5).clamp(0, 1)


def still(easel: Easel, look: int, thing: int | None, drawings: Tensor, seed: int, colour: Tensor | None = None) -> Tensor:
    """A picture [3, 512, 512] in [0, 1] from noise."""
    z = torch.randn(1, 48, PIXELS // CELL, PIXELS // CELL, generator=torch.Generator().manual_seed(seed))
    out = easel.painter.cpu()(z, torch.tensor([1.0]), conditioning(easel, look, thing, drawings, colour))
    return (F.pixel_shuffle(out, CELL)[0] / 2 + 0.5).clamp(0, 1)


def to_tensor(image: Image.Image) -> Tensor:
    return torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1).float() / 255


@torch.no_grad()
def draw_sheet(
    easel: Easel, drawings: Tensor, path: Path, photographs: Path | None = None, looks: Collection[str] = tuple(LOOKS)
) -> None:
    """Each of some looks: a photograph by the network, the same by the look, a thing by the network."""
    device = next(easel.parameters()).device
    known = load_photographs(held_out=True, folder=photographs)
    names = [name for name in ("astronaut", "mariya-georgieva", "obama", "coffee") if name in known]
    photos = [to_tensor(square(known[name], PIXELS)) for name in names]
    columns = []
    for k, name in enumerate(LOOKS):
        if name not in looks:
            continue
        photo = photos[k % len(photos)]
        thing = (37 * k) % len(drawings)
        parts = [repaint(easel, k, photo, drawings), LOOKS[name].paint(photo[None])[0], still(easel, k, thing, drawings, k)]
        columns.append(torch.cat(parts, 1))
    while len(columns) % 6:
        columns.append(torch.zeros_like(columns[0]))
    strips = [torch.cat(columns[i : i + 6], 2) for i in range(0, len(columns), 6)]
    sheet = torch.cat(strips, 1)
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = (sheet.permute(1, 2, 0) * 255).round().to(torch.uint8).numpy()
    Image.fromarray(pixels).save(path)
    easel.painter.to(device)
