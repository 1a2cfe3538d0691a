"""Travel from words to words while painting, into a moving picture: python travel.py travel.gif "a pink cat" "a blue boat" """

import argparse
import asyncio
import itertools
from pathlib import Path

from allaprima import connect
from allaprima.sources import moving
from PIL import Image

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("gif", type=Path)
parser.add_argument("prompts", nargs="+")
parser.add_argument("--frames", type=int, default=12, help="frames for each prompt")
parser.add_argument("--seconds", type=float, default=1.0, help="of the way from one prompt to the next")
parser.add_argument("--url", default="http://127.0.0.1:8000")
options = parser.parse_args()


async def travel() -> list[Image.Image]:
    pictures: list[Image.Image] = []
    async with connect(options.url, prompt=options.prompts[0], transition=options.seconds, similarity=None) as live:
        scene = itertools.cycle(moving(*live.size))
        for prompt in options.prompts:
            await live.change(prompt=prompt)
            async for image in live.paint(itertools.islice(scene, options.frames), every=True):
                pictures.append(image.pil)
    return pictures


first, *others = asyncio.run(travel())
first.save(options.gif, save_all=True, append_images=others, duration=80, loop=0)
print(f"{1 + len(others)} pictures in {options.gif}")
