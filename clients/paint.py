"""Paint from the command line: python -m clients.paint --source pattern --prompt "a lighthouse, ink" --out painted"""

import argparse
import asyncio
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from wire import AnswerKind, FrameOut

from .errors import StreamError
from .sources import SourceError, open_source
from .stream import Answer, Stream

_SIGNATURES = ((b"\xff\xd8", "jpg"), (b"\x89PNG", "png"), (b"RIFF", "webp"))


def main(arguments: list[str] | None = None) -> int:
    """Stream frames to a server and save what comes back. 0, or 1 with the reason on stderr."""
    options = _parse(arguments)
    try:
        saved = asyncio.run(paint(options))
    except (StreamError, SourceError, OSError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0
    print(f"{saved} images in {options.out}")
    return 0 if saved else 1


async def paint(options: argparse.Namespace) -> int:
    """Do what the command line says; how many images were saved. Raises StreamError and SourceError."""
    options.out.mkdir(parents=True, exist_ok=True)
    # a picture per frame is what someone who gives a file or a folder wants, so nothing is skipped for being similar
    params: dict[str, Any] = {"similarity": None} | {
        name: value for name in ("seed", "strength", "format") if (value := getattr(options, name)) is not None
    }
    async with Stream(
        options.url, options.prompt, key=options.key, student=options.student, reconnect=True, **params
    ) as stream:
        frames = await asyncio.to_thread(open_source, options.source, stream.width, stream.height)
        saver = asyncio.create_task(_save(stream, options.out))
        try:
            await _send(stream, frames, options.count, options.fps)
            left = await stream.settle(30.0)
        finally:
            await stream.close()
            saved = await saver
    if left:
        print(f"{left} frames were not answered within 30 s", file=sys.stderr)
    return saved


async def _send(stream: Stream, frames: Iterator[bytes], count: int | None, fps: float | None) -> None:
    begun, sent = time.monotonic(), 0
    while count is None or sent < count:
        # a camera blocks until it has a frame, so no source is read on the event loop
        frame = await asyncio.to_thread(next, frames, None)
        if frame is None:
            return
        await stream.send(frame)
        sent += 1
        if fps:
            await asyncio.sleep(max(0.0, begun + sent / fps - time.monotonic()))


async def _save(stream: Stream, out: Path) -> int:
    saved = 0
    async for answer in stream:
        if isinstance(answer, FrameOut) and answer.kind is AnswerKind.IMAGE:
            await asyncio.to_thread((out / f"{answer.id:06d}.{suffix(answer.image)}").write_bytes, answer.image)
            saved += 1
        else:
            print(_complaint(answer), file=sys.stderr)
    return saved


def _complaint(answer: Answer) -> str:
    if isinstance(answer, FrameOut):
        return f"frame {answer.id}: {answer.kind.name.lower()}, no image"
    return f"frame {answer.id}: {answer.message} ({answer.code})"


def suffix(image: bytes) -> str:
    """The file name suffix of an encoded image, by its first bytes; "bin" for what is none."""
    return next((name for start, name in _SIGNATURES if image.startswith(start)), "bin")


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="clients.paint", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--url", default="ws://127.0.0.1:8000", help="the server")
    parser.add_argument("--source", default="pattern", help="an image file, a folder of them, pattern, still or camera")
    parser.add_argument("--prompt", default=None, help="what to paint")
    parser.add_argument("--out", type=Path, default=Path("painted"), help="folder for the images")
    parser.add_argument("--count", type=int, default=None, help="frames to send; all there are, or 60 of the pattern")
    parser.add_argument("--fps", type=float, default=None, help="frames per second; as fast as the server if not given")
    parser.add_argument("--student", default=None)
    parser.add_argument("--key", default=None, help="bearer token")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--strength", type=float, default=None, help="0 keeps the frame, 1 keeps nothing of it")
    parser.add_argument("--format", choices=("jpeg", "webp", "png"), default=None)
    options = parser.parse_args(arguments)
    if options.count is None and options.source in ("pattern", "still"):
        options.count = 60
    return options


if __name__ == "__main__":
    sys.exit(main())
