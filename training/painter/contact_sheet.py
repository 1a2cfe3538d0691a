"""Lay out what the painter paints: python -m training.painter.contact_sheet --to docs/contact-sheet.webp [--students FOLDER]

Above, every look on two photographs of people that no training saw, at the strength that it offers; below, sixty things, each
one step from pure noise.
"""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from engines.engine import Engine, Pixels
from training.evaluate import FIRST_SEED, Task, open_engine, paint
from training.photographs import load, square

PEOPLE = ("astronaut", "startbootstrap-agency-1")
THINGS = (
    "fox", "owl", "lion", "elephant", "penguin", "whale", "octopus", "butterfly", "cat", "panda",
    "parrot", "turtle", "dolphin", "snail", "horse", "dragon", "unicorn", "rose", "sunflower", "cactus",
    "palm tree", "mushroom", "apple", "pineapple", "strawberry", "pizza", "hamburger", "cupcake", "sushi", "ice cream",
    "coffee", "castle", "fountain", "house", "church", "volcano", "mountain", "rocket", "sailboat", "car",
    "bicycle", "train", "helicopter", "airplane", "balloon", "moon", "rainbow", "snowflake", "umbrella", "guitar",
    "trumpet", "violin", "football", "crown", "teddy bear", "robot", "ghost", "skull", "key", "clock",
)  # fmt: skip
BEHIND = (
    "",
    " on a blue background",
    "",
    " on a yellow background",
    "",
    "",
    " on a pink background",
    "",
    " on a green background",
)
WIDTH, COLUMNS, ACROSS, GAP, LABEL, MARGIN = 1500, 10, 15, 4, 17, 10
PAPER, INK = (24, 22, 20), (226, 220, 210)


def prompts(looks: Sequence[str]) -> list[str]:
    """Of each thing, in one look after another, some on a background of a colour."""
    return [f"a {thing}{BEHIND[i % len(BEHIND)]}, {looks[(7 * i) % len(looks)]}" for i, thing in enumerate(THINGS)]


def _tile(sheet: Image.Image, pixels: Pixels, at: tuple[int, int], side: int) -> None:
    sheet.paste(Image.fromarray(pixels).resize((side, side), Image.Resampling.LANCZOS), at)


def contact_sheet(engine: Engine, photographs: Sequence[Image.Image]) -> Image.Image:
    """The sheet; `photographs` are cut square."""
    student = engine.student
    looks = [style for style in student.styles if style != "photo"]
    sitters = [np.asarray(square(photograph, student.width).convert("RGB")) for photograph in photographs]
    repaints = [
        paint(engine, [Task(look, FIRST_SEED + k, sitter, student.strength_for(look)) for look in looks])
        for k, sitter in enumerate(sitters)
    ]
    stills = paint(engine, [Task(prompt, FIRST_SEED + 100 + i) for i, prompt in enumerate(prompts(looks))])

    large = (WIDTH - 2 * MARGIN + GAP) // COLUMNS - GAP
    small = (WIDTH - 2 * MARGIN + GAP) // ACROSS - GAP
    blocks, rows = -(-len(looks) // COLUMNS), -(-len(stills) // ACROSS)
    tall = LABEL + len(sitters) * (large + GAP) + GAP
    sheet = Image.new("RGB", (WIDTH, 2 * MARGIN + blocks * tall + MARGIN + rows * (small + GAP)), PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(12)
    for i, look in enumerate(looks):
        x, y = MARGIN + i % COLUMNS * (large + GAP), MARGIN + i // COLUMNS * tall
        draw.text((x, y + 1), look, fill=INK, font=font)
        for k, row in enumerate(repaints):
            _tile(sheet, row[i], (x, y + LABEL + k * (large + GAP)), large)
    top = 2 * MARGIN + blocks * tall
    for i, still in enumerate(stills):
        _tile(sheet, still, (MARGIN + i % ACROSS * (small + GAP), top + i // ACROSS * (small + GAP)), small)
    return sheet


def command(doc: str | None, sheet_of: Callable[[Engine, Sequence[Image.Image]], Image.Image], sitters: Sequence[str]) -> None:
    """A command line that draws a sheet with some of the photographs held out, and writes it."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--to", type=Path, required=True)
    parser.add_argument("--student", default="painter")
    parser.add_argument("--students", type=Path, help="a folder of further students' files")
    parser.add_argument("--photographs", type=Path, help="where training.photographs fetched to, if not to its own folder")
    parser.add_argument("--engine", choices=("openvino", "torch"), default="openvino")
    parser.add_argument("--threads", type=int, default=0, help="0: one per core")
    args = parser.parse_args()
    known = load(held_out=True, people=True, folder=args.photographs)
    with open_engine(args.engine, args.threads, args.student, [args.students] if args.students else []) as engine:
        sheet = sheet_of(engine, [known[name] for name in sitters])
    args.to.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(args.to, quality=82, method=6)
    print(f"{args.to}: {sheet.width}x{sheet.height}, {args.to.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    command(__doc__, contact_sheet, PEOPLE)
