"""Load a server with live streams and say what they got: python -m benchmarks.load --clients 4 --seconds 10

Closed loop (the default): each client keeps its window full, so the server sets the pace. Open loop (--fps): each client has
a camera's pace, and a frame for which there is no room in the window is skipped here, as a webcam page would.
"""

import argparse
import asyncio
import itertools
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvloop
from allaprima import sources
from allaprima.errors import Ended, StreamError
from allaprima.stream import Stream

from wire import AnswerKind, FrameOut

from .report import ClientCounts, report, table

_COLOURS = ("red", "blue", "green", "yellow", "purple", "orange", "white", "cyan")
_SHAPES = ("heart", "star", "house", "boat", "circle", "tree")
_STYLES = ("watercolor", "oil painting", "ink", "neon", "mosaic", "sepia", "comic", "pop art", "winter", "blueprint", "noir")
_STARTS = (b"\xff\xd8\xff", b"\x89PNG", b"RIFF")


@dataclass(frozen=True)
class Window:
    """The measured time, on `time.perf_counter`'s clock."""

    begin: float
    end: float

    def holds(self, now: float) -> bool:
        return self.begin <= now < self.end


def main(arguments: list[str] | None = None) -> int:
    """Run a load and print what came of it. 1 if a client failed or a frame stayed unanswered, else 0."""
    options = parse(arguments)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        result = runner.run(run(options))
    print(json.dumps(result) if options.json else table(result))
    return 1 if result["unanswered"] or result["failures"] else 0


async def run(options: argparse.Namespace) -> dict[str, Any]:
    """The load that the options describe; the report as plain values. Does not raise for what goes wrong with a client."""
    tallies = [ClientCounts() for _ in range(options.clients)]
    streams = [_stream(options, index) for index in range(options.clients)]
    entered = await asyncio.gather(*(_enter(stream, tally) for stream, tally in zip(streams, tallies, strict=True)))
    ready = next((stream for stream in streams if stream.window), None)
    frames = _frames(options.source, ready.width if ready else 256, ready.height if ready else 256)
    now, processor = time.perf_counter(), time.process_time()
    window = Window(now + options.warmup, now + options.warmup + options.seconds)
    await asyncio.gather(*(
        _drive(stream, tally, window, _shifted(frames, index, options.clients), options, index / options.clients)
        for index, (stream, tally, there) in enumerate(zip(streams, tallies, entered, strict=True)) if there
    ))  # fmt: skip
    result = report(tallies, window.begin, options.seconds, options.slice)
    # what a server's own counters saw is to be divided by this, not by the measured time
    result["active_s"] = round(time.perf_counter() - now, 3)
    result["client_cpu_s"] = round(time.process_time() - processor, 3)
    return result


def _stream(options: argparse.Namespace, index: int) -> Stream:
    colour, shape, style = (words[index % len(words)] for words in (_COLOURS, _SHAPES, _STYLES))
    params: dict[str, Any] = {"seed": index}
    if options.strength is not None:
        params["strength"] = options.strength
    if options.similarity != "server":
        params["similarity"] = {"threshold": 0.98, "max_skips": 10} if options.similarity == "on" else None
    prompt = f"a {colour} {shape}, {style}"
    return Stream(options.url, prompt, key=options.key, student=options.student, open_timeout=30.0, **params)


async def _enter(stream: Stream, tally: ClientCounts) -> bool:
    try:
        await stream.__aenter__()
    except StreamError as error:
        tally.failure = f"{type(error).__name__}: {error}"
        return False
    return True


async def _drive(
    stream: Stream, tally: ClientCounts, window: Window, frames: Iterator[bytes], options: argparse.Namespace, phase: float
) -> None:
    receiver = asyncio.create_task(_receive(stream, tally, window))
    try:
        async with asyncio.timeout(window.end - time.perf_counter()):
            if options.fps:
                await _send_paced(stream, tally, frames, options.fps, phase)
            else:
                while True:
                    await stream.send(next(frames))
                    tally.sent += 1
    except (TimeoutError, StreamError):
        pass
    tally.unanswered = await stream.settle(options.grace)
    await stream.close()
    await receiver


async def _send_paced(stream: Stream, tally: ClientCounts, frames: Iterator[bytes], fps: float, phase: float) -> None:
    begun = time.perf_counter()
    for count in itertools.count():
        # clients that all sent at the same instant would measure each other, not the server
        await asyncio.sleep(max(0.0, begun + (count + phase) / fps - time.perf_counter()))
        frame = next(frames)
        if stream.has_room:
            await stream.send(frame)
            tally.sent += 1
        else:
            tally.skipped += 1


async def _receive(stream: Stream, tally: ClientCounts, window: Window) -> None:
    while True:
        try:
            answer, seconds = await stream.receive_timed()
        except StreamError as error:
            if not isinstance(error, Ended):
                tally.failure = f"{type(error).__name__}: {error}"
            return
        now = time.perf_counter()
        if isinstance(answer, FrameOut):
            _check(tally, answer)
            if window.holds(now):
                _count(tally, answer, now, seconds)
        elif window.holds(now):
            tally.errors[answer.code] += 1


def _check(tally: ClientCounts, answer: FrameOut) -> None:
    if answer.kind is not AnswerKind.DROPPED:
        tally.out_of_order += answer.id <= tally.last_id
        tally.last_id = answer.id
    if answer.kind is AnswerKind.IMAGE:
        tally.painted += 1
        tally.bad_payloads += not answer.image.startswith(_STARTS)


def _count(tally: ClientCounts, answer: FrameOut, now: float, seconds: float) -> None:
    tally.kinds[answer.kind.name.lower()] += 1
    if answer.kind is AnswerKind.REPEAT:
        tally.repeat_total.append(seconds)
    if answer.kind is not AnswerKind.IMAGE:
        return
    tally.rows[answer.rows] += 1
    tally.at.append(now)
    tally.stages["total"].append(seconds)
    for name in ("wait", "decode", "engine", "encode"):
        tally.stages[name].append(getattr(answer, f"{name}_us") / 1e6)


def _frames(source: str, width: int, height: int) -> list[bytes]:
    if source in ("pattern", "still"):
        return sources.moving(width, height) if source == "pattern" else sources.still(width, height)
    path = Path(source)
    files = sources.folder(path) if path.is_dir() else [path]
    return [file.read_bytes() for file in files]


def _shifted(frames: list[bytes], index: int, clients: int) -> Iterator[bytes]:
    start = index * len(frames) // clients
    return itertools.cycle(frames[start:] + frames[:start])


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command line as options."""
    parser = argparse.ArgumentParser(prog="benchmarks.load", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--url", default="ws://127.0.0.1:8000")
    parser.add_argument("--clients", type=int, default=1, help="streams at once")
    parser.add_argument("--seconds", type=float, default=10.0, help="measured time")
    parser.add_argument("--warmup", type=float, default=1.0, help="seconds of load before the measured time")
    parser.add_argument("--grace", type=float, default=10.0, help="seconds to wait for outstanding answers at the end")
    parser.add_argument("--fps", type=float, default=0.0, help="frames per second and client; 0 keeps every window full")
    parser.add_argument("--source", default="pattern", help="pattern, still, an image file or a folder of them")
    parser.add_argument("--similarity", choices=("server", "on", "off"), default="server", help="the filter; or its default")
    parser.add_argument("--strength", type=float, default=None)
    parser.add_argument("--student", default=None)
    parser.add_argument("--key", default=None, help="bearer token")
    parser.add_argument("--slice", type=float, default=10.0, help="seconds of a slice of the latency over time")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    return parser.parse_args(arguments)
