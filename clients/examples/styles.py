"""One thing in every style that a student knows, on one sheet: python styles.py sheet.png --prompt "a red heart" """

import argparse
from pathlib import Path

from allaprima.sync import connect
from PIL import Image

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("sheet", type=Path)
parser.add_argument("--prompt", default="a red heart")
parser.add_argument("--seed", type=int, default=7)
parser.add_argument("--columns", type=int, default=4)
parser.add_argument("--url", default="http://127.0.0.1:8000")
options = parser.parse_args()

with connect(options.url) as live:
    styles = live.ready["styles"]
    made = [live.stills(f"{options.prompt}, {style}", seed=options.seed)[0] for style in styles]
    width, height = live.size
rows = -(-len(made) // options.columns)
sheet = Image.new("RGB", (options.columns * width, rows * height), "white")
for number, still in enumerate(made):
    sheet.paste(still.pil, (number % options.columns * width, number // options.columns * height))
sheet.save(options.sheet)
print(f"{len(made)} styles on {options.sheet}: {', '.join(styles)}")
