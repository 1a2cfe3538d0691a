"""Lay out what the painter's eye sees and what is painted of it: python -m training.painter.eye_sheet --to docs/eye.webp

Each row is a photograph that no training saw, its lines as the eye sees them, and what is painted from noise along them.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from engines.engine import Engine, Pixels, Row
from training.photographs import square

from .contact_sheet import GAP, INK, LABEL, MARGIN, PAPER, command
from .drawing import lines

SITTERS = ("astronaut", "kendall", "obama")
PROMPTS = (
    ("comic", "watercolor", "delft", "van gogh"),
    ("pop art", "engraving", "neon", "anime"),
    ("paper cut", "on a blue background, watercolor", "synthwave", "on a yellow background, comic"),
)
FIRST_SEED = 11
WIDTH, COLUMNS = 1500, 6


def paint_lines(engine: Engine, seen: Pixels, prompts: Sequence[str], seed: int, scale: float = 1.0) -> list[Pixels]:
    """What is painted from noise of lines uint8 [h, w], a picture a prompt. Raises RuntimeError with a row's error."""
    (step,) = engine.student.contract.still()
    told: dict[str, NDArray[Any]] = {
        "control": np.repeat(seen[None, :, :, None], 3, -1),
        "scale": np.array([scale], np.float32),
    }
    rows = [
        Row(number, 0, step, True, engine.condition(prompt), seed + number, inputs=told)
        for number, prompt in enumerate(prompts)
    ]
    painted = []
    for prompt, one in zip(prompts, engine.tick(rows), strict=True):
        if one.image is None:
            raise RuntimeError(f"{prompt!r}: {one.error}")
        painted.append(one.image)
    return painted


def eye_sheet(engine: Engine, photographs: Sequence[Image.Image]) -> Image.Image:
    """The sheet; `photographs` are cut square."""
    side = (WIDTH - 2 * MARGIN + GAP) // COLUMNS - GAP
    tall = LABEL + side + GAP
    sheet = Image.new("RGB", (WIDTH, 2 * MARGIN + tall * len(photographs) - GAP), PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(12)
    for k, photograph in enumerate(photographs):
        frame = np.asarray(square(photograph, engine.student.width).convert("RGB"))
        seen, prompts = lines(frame), PROMPTS[k % len(PROMPTS)]
        painted = paint_lines(engine, seen, prompts, FIRST_SEED + 10 * k)
        shown = [("the frame", frame), ("what the eye sees", seen), *zip(prompts, painted, strict=True)]
        for column, (label, pixels) in enumerate(shown):
            x, y = MARGIN + column * (side + GAP), MARGIN + k * tall
            draw.text((x, y + 1), label, fill=INK, font=font)
            tile = Image.fromarray(pixels).convert("RGB").resize((side, side), Image.Resampling.LANCZOS)
            sheet.paste(tile, (x, y + LABEL))
    return sheet


if __name__ == "__main__":
    command(__doc__, eye_sheet, SITTERS)
