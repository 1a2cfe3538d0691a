"""What a painter reaches, look by look, beside the true looks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from training.looks import LOOKS, Look
from training.measures.flicker import flicker, pan
from training.measures.reader import StyleReader
from training.measures.sharpness import block_steps, gradients_kept, psnr

Painter = Callable[[Tensor, str, float], Tensor]
"""Pictures float [n, 3, side, side] in [0, 1], a prompt and a strength to paintings of the same shape."""

IN_PIECES = {
    "bricks", "comic", "cross stitch", "delft", "fluted glass", "knit", "pixel art", "pop art", "riso", "stipple", "synthwave",
    "terminal", "thermal", "blueprint", "batik", "mosaic",
}  # fmt: skip
"""Looks that have a grid of their own: steps across borders of blocks say nothing about them."""


@dataclass(frozen=True)
class Marks:
    """One look: how near the true one in decibels, detail kept, steps across blocks, how often it is read, and flicker over the
    true look's own. None where there is no such measure.
    """

    look: str
    decibels: float
    gradients: float
    blocks: float | None
    read: float | None
    flicker: float | None


def true_painter(pictures: Tensor, prompt: str, strength: float) -> Tensor:
    """The looks themselves, at 512 pixels whatever the pictures' size: what a student is measured against."""
    if strength == 0:
        return pictures
    side = pictures.shape[-1]
    return _sized(LOOKS[prompt].paint(_sized(pictures, 512)), side)


def _sized(x: Tensor, side: int) -> Tensor:
    if x.shape[-1] == side:
        return x
    return F.interpolate(x, (side, side), mode="bilinear", antialias=True, align_corners=False).clamp(0, 1)


def mark(
    look: Look, painter: Painter, pictures: Tensor, films: Sequence[tuple[Tensor, tuple[int, int]]], reader: StyleReader | None
) -> Marks:
    """Measure one look on pictures [n, 3, side, side] and on films: frames of `pan` with their step."""
    painted, wanted = painter(pictures, look.name, look.strength), true_painter(pictures, look.name, look.strength)
    read = None
    if reader is not None and look.name in reader.names:
        true = reader.read(_sized(wanted, 512))
        right = [a == look.name for a, b in zip(reader.read(_sized(painted, 512)), true, strict=True) if b == look.name]
        read = fmean(right) if right else None
    changes = [
        (
            flicker(lambda frames: painter(frames, look.name, look.strength), film, step),
            flicker(lambda frames: true_painter(frames, look.name, look.strength), film, step),
        )
        for film, step in films
    ]
    own = sum(true for _, true in changes)
    return Marks(
        look=look.name,
        decibels=round(float(psnr(painted, wanted).mean()), 2),
        gradients=round(float(gradients_kept(painted, wanted).mean()), 3),
        blocks=None if look.name in IN_PIECES else round(float(block_steps(painted).mean()), 3),
        read=None if read is None else round(read, 3),
        flicker=round(sum(mine for mine, _ in changes) / own, 2) if own > 0 else None,
    )


def report(
    painter: Painter, pictures: Mapping[str, Tensor], side: int, reader: StyleReader | None = None, looks: Sequence[str] = ()
) -> dict[str, Any]:
    """Everything that a student is held to, on photographs at `side` pixels.

    `pictures` are [3, h, w], larger than `side` where films are to be measured too.
    """
    chosen = [LOOKS[name] for name in looks or LOOKS]
    stack = torch.stack([_sized(picture[None], side)[0] for picture in pictures.values()])
    films = []
    for step, picture in zip(((1, 1), (0, 2)), pictures.values(), strict=False):
        if min(picture.shape[-2:]) >= side + 12:
            films.append((pan(picture, side, 4, step), step))
    marks = [mark(look, painter, stack, films, reader) for look in chosen]
    at_zero = psnr(painter(stack, "photo", 0.0), stack)
    kept = gradients_kept(painter(stack, "photo", 0.5), stack)
    return {
        "strength 0, decibels": round(float(at_zero.mean()), 2),
        "photo at 0.5, gradients kept": round(float(kept.mean()), 3),
        "worst blocks": max((m.blocks for m in marks if m.blocks is not None), default=None),
        "read": _mean(m.read for m in marks),
        "worst gradients": min(m.gradients for m in marks),
        "flicker": _mean(m.flicker for m in marks),
        "looks": [asdict(m) for m in marks],
    }


def _mean(values: Any) -> float | None:
    known = [value for value in values if value is not None]
    return round(fmean(known), 3) if known else None
