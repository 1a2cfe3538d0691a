"""Measure the pictures themselves through the live API: python -m benchmarks.picture --url ws://HOST:PORT [--reader FOLDER].

What training.measures asks of a student's engine is here asked of a running server, as a page would: frames over a WebSocket,
its answers decoded and held against the true looks.
"""

import argparse
import asyncio
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from allaprima.stream import Stream
from PIL import Image
from torch import Tensor

from training.measures.reader import StyleReader
from training.measures.report import report
from training.measures.sources import held_out
from wire import FrameOut


class PictureError(Exception):
    """A frame was not painted; the text says what came instead."""


def encoded(picture: Tensor, quality: int | None) -> bytes:
    """A picture float [3, h, w] in [0, 1] as a JPEG of a quality, or as PNG."""
    buffer = io.BytesIO()
    image = Image.fromarray((picture.clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).numpy())
    if quality is None:
        image.save(buffer, "PNG")
    else:
        image.save(buffer, "JPEG", quality=quality, subsampling=0)
    return buffer.getvalue()


def decoded(data: bytes) -> Tensor:
    """float [3, h, w] in [0, 1] of an encoded picture."""
    with Image.open(io.BytesIO(data)) as image:
        return torch.from_numpy(np.array(image.convert("RGB"), dtype=np.float32) / 255).permute(2, 0, 1)


async def paint(url: str, pictures: Tensor, prompt: str, strength: float, quality: int | None = None) -> Tensor:
    """Pictures [n, 3, h, w] as the server paints them, every one, in order. Raises PictureError, or a StreamError."""
    painted: list[Tensor] = []
    options: dict[str, Any] = {
        "seed": 1,
        "strength": strength,
        "similarity": None,
        "format": "png" if quality is None else "jpeg",
    }
    async with Stream(url, prompt, **options) as stream:
        for picture in pictures:
            await stream.send(encoded(picture, quality))
            answer = await stream.receive()
            if not isinstance(answer, FrameOut) or not answer.image:
                raise PictureError(f"{prompt!r} at {strength:g}: {answer}")
            painted.append(decoded(answer.image))
    return torch.stack(painted)


async def side_of(url: str) -> int:
    """The width of what the server's student paints, in pixels."""
    async with Stream(url) as stream:
        return stream.width


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", required=True)
    parser.add_argument("--reader", type=Path, help="the folder that training.measures.reader wrote")
    parser.add_argument("--looks", default="", help="names with commas between; all without")
    parser.add_argument("--quality", type=int, help="send and ask for JPEG of this quality; PNG without")
    args = parser.parse_args()
    reader = StyleReader.load(args.reader / "looks.pt") if args.reader else None
    looks = [name.strip() for name in args.looks.split(",") if name.strip()]
    side = asyncio.run(side_of(args.url))

    def painter(pictures: Tensor, prompt: str, strength: float) -> Tensor:
        return asyncio.run(paint(args.url, pictures, prompt, strength, args.quality))

    with torch.inference_mode():
        print(json.dumps(report(painter, held_out(side + 32), side, reader, looks), indent=1))


if __name__ == "__main__":
    main()
