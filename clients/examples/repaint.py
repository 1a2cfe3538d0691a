"""Paint the pictures of a folder anew: python repaint.py pictures painted --prompt "oil painting" """

import argparse
from pathlib import Path

from allaprima.sync import connect

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("pictures", type=Path)
parser.add_argument("painted", type=Path)
parser.add_argument("--prompt", default="watercolor")
parser.add_argument("--strength", type=float, default=0.6)
parser.add_argument("--url", default="http://127.0.0.1:8000")
options = parser.parse_args()

files = sorted(file for file in options.pictures.iterdir() if file.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp"))
options.painted.mkdir(exist_ok=True)
with connect(options.url, prompt=options.prompt, strength=options.strength, similarity=None) as live:
    for image in live.paint(files):
        image.save(options.painted / f"{files[image.frame].stem}.{image.suffix}")
        print(f"{files[image.frame].name}: {image.latency * 1000:.0f} ms")
