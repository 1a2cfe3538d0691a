"""Lay out what the student paints: python -m training.contact_sheet --to docs/contact-sheet.png.

Above, a still in every style, each one step from pure noise; below, the held-out photographs in every style.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from engines.engine import Engine, Pixels

from .evaluate import FIRST_SEED, Task, open_engine, paint, to_pixels
from .pictures import held_out_photographs
from .words import STYLES

SMALL, GAP, LABEL, MARGIN = 112, 4, 16, 12
STRENGTH = 0.6
PAPER, INK = (250, 249, 246), (40, 40, 40)

STILLS = (
    ("photo", "blue boat", "yellow"),
    ("watercolor", "white house", "green"),
    ("oil painting", "red heart", "cyan"),
    ("pencil sketch", "green tree", "yellow"),
    ("ink", "white star", "blue"),
    ("comic", "yellow star", "purple"),
    ("neon", "pink heart", "blue"),
    ("pixel art", "green tree", "pink"),
    ("mosaic", "red triangle", "white"),
    ("blueprint", "white boat", "blue"),
    ("sepia", "black house", "yellow"),
    ("noir", "white circle", "black"),
    ("pop art", "purple boat", "pink"),
    ("thermal", "red tree", "cyan"),
    ("sunset", "orange house", "purple"),
    ("winter", "cyan star", "pink"),
)


def prompts() -> list[str]:
    return [f"a {thing} on a {background} background, {style}" for style, thing, background in STILLS]


def _stills(engine: Engine) -> list[Pixels]:
    return paint(engine, [Task(prompt, FIRST_SEED + i) for i, prompt in enumerate(prompts())])


def _repaints(engine: Engine) -> list[list[Pixels]]:
    """For each photograph the photograph itself, then one picture for each style."""
    rows = []
    for k, photograph in enumerate(held_out_photographs(engine.student.width).values()):
        pixels = to_pixels(photograph)
        tasks = [Task(style, FIRST_SEED + 50 + k, pixels, STRENGTH) for style in STYLES]
        rows.append([pixels, *paint(engine, tasks)])
    return rows


def _row(sheet: Image.Image, top: int, side: int, pictures: Sequence[Pixels], labels: Sequence[str]) -> int:
    """Paste a row of pictures with labels above, if there are any; where the next row starts."""
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(10)
    y = top + (LABEL if any(labels) else 0)
    for i, (pixels, label) in enumerate(zip(pictures, labels, strict=True)):
        x = MARGIN + i * (side + GAP)
        sheet.paste(Image.fromarray(pixels).resize((side, side), Image.Resampling.LANCZOS), (x, y))
        draw.text((x, top + 2), label, fill=INK, font=font)
    return y + side + GAP


def contact_sheet(engine: Engine) -> Image.Image:
    stills, repaints = _stills(engine), _repaints(engine)
    columns = len(repaints[0])
    width = columns * (SMALL + GAP) - GAP
    half = len(stills) // 2
    large = (width + GAP) // half - GAP
    height = 2 * (LABEL + large + GAP) + LABEL + len(repaints) * (SMALL + GAP)
    sheet = Image.new("RGB", (width + 2 * MARGIN, height + 3 * MARGIN), PAPER)
    top = MARGIN
    for part in (slice(None, half), slice(half, None)):
        top = _row(sheet, top, large, stills[part], [p.removeprefix("a ") for p in prompts()[part]])
    labels = ["photograph", *STYLES]
    top += MARGIN
    for row in repaints:
        top = _row(sheet, top, SMALL, row, labels)
        labels = [""] * columns
    return sheet


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--to", type=Path, required=True)
    parser.add_argument("--engine", choices=("openvino", "torch"), default="openvino")
    parser.add_argument("--threads", type=int, default=0, help="0: one per core")
    args = parser.parse_args()
    with open_engine(args.engine, args.threads) as engine:
        sheet = contact_sheet(engine)
    args.to.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(args.to, optimize=True)
    print(f"{args.to}: {sheet.width}x{sheet.height}, {args.to.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
