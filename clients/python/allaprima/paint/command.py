"""The command line of `allaprima paint`."""

import argparse
import itertools
import os
import sys
import time
from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from ..address import BadAddress
from ..errors import StreamError
from ..live import URL
from ..pictures import Frame, Painted
from ..sources import SourceError
from ..sync import Live, connect
from .inputs import Input, open_input
from .outputs import Closed, OutputError, open_output

FAILED = 1
_SMOOTH = 0.1
"""How much of a new rate goes into the one that is shown."""


def main(arguments: list[str] | None = None) -> int:
    """Paint as the command line says. 0, or 1 with the reason on stderr."""
    options = _parse(arguments)
    try:
        said = paint(options)
    except (StreamError, SourceError, OutputError, BadAddress, OSError) as error:
        print(f"allaprima paint: {error}", file=sys.stderr)
        return FAILED
    print(said, file=sys.stderr)
    return 0


def paint(options: argparse.Namespace) -> str:
    """Do what the command line says; what came of it, in a line. Raises StreamError, SourceError and OutputError."""
    params = {
        name: value
        for name in ("prompt", "negative_prompt", "seed", "strength", "guidance", "format", "quality")
        if (value := getattr(options, name)) is not None
    }
    with connect(options.url, key=options.key, student=options.student, **params) as live:
        source = open_input(options.source, *live.size)
        if options.watch:
            print(f"to be watched at {live.watch_url}", file=sys.stderr)
        if not source.live and not options.repeat:
            # whoever gives a file wants a picture for each of its frames, however like the last one it is
            live.change(similarity=None)
        try:
            return _paint(live, source, options)
        finally:
            source.close()


def _paint(live: Live, source: Input, options: argparse.Namespace) -> str:
    count = options.count if source.count is None else min(source.count, options.count or source.count)
    frames = source.frames if count is None else itertools.islice(source.frames, count)
    paced = frames if options.fps is None else _paced(frames, options.fps)
    suffix = options.format or "jpg"
    output = open_output(options.out, *live.size, options.fps or source.fps, suffix)
    rate, shown, began = _Rate(), 0, time.monotonic()
    try:
        with _progress(quiet=options.quiet or options.out == "terminal", endless=count is None) as progress:
            task = progress.add_task(live.student, total=count, rate="", lost="")
            for painted in live.paint(paced, every=not source.live):
                output.show(painted, _seconds(painted, source, options, began))
                shown += 1
                lost = live.counts.dropped + live.counts.failed
                progress.update(
                    task, advance=1, rate=rate.say(painted), lost=f"{lost} left out" if lost and source.live else ""
                )
    except (Closed, KeyboardInterrupt):
        pass  # enough
    finally:
        output.close()
    took = time.monotonic() - began
    if not shown:
        raise SourceError(f"nothing was painted: {live.trouble or 'there were no frames'}")
    again = f", {live.counts.repeated} of them repeated" if live.counts.repeated else ""
    return f"{shown} pictures{again} to {output.where}, {shown / took:.1f} a second"


def _seconds(painted: Painted, source: Input, options: argparse.Namespace, began: float) -> float:
    """When a picture is to be seen, after the first one: in step with what it was painted from, or when it came."""
    fps = options.fps or source.fps
    return time.monotonic() - began if source.live or fps is None else painted.frame / fps


def _paced(frames: Iterator[Frame], fps: float) -> Iterator[Frame]:
    began = time.monotonic()
    for number, frame in enumerate(frames):
        time.sleep(max(0.0, began + number / fps - time.monotonic()))
        yield frame


class _Rate:
    """Pictures a second, smoothed, and how long the last one took."""

    def __init__(self) -> None:
        self._last: float | None = None
        self._gap: float | None = None

    def say(self, painted: Painted) -> str:
        now = time.monotonic()
        if self._last is not None:
            gap = now - self._last
            self._gap = gap if self._gap is None else self._gap + _SMOOTH * (gap - self._gap)
        self._last = now
        rate = f"{1 / self._gap:5.1f} fps" if self._gap else ""
        return f"{rate} {painted.latency * 1000:4.0f} ms"


def _progress(quiet: bool, endless: bool) -> Progress:
    columns: list[Any] = [SpinnerColumn(), TextColumn("{task.description}")]
    columns += [TextColumn("{task.completed}")] if endless else [BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()]
    columns += [TextColumn("{task.fields[rate]}"), TextColumn("{task.fields[lost]}")]
    console = Console(stderr=True)
    return Progress(*columns, console=console, disable=quiet or not console.is_terminal)


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="allaprima paint", description="Have a server paint what a camera, the screen, a video or pictures show, live."
    )
    add, variables = parser.add_argument, os.environ.get
    sources = "camera, camera:1, screen, screen:640x480+0+0, a picture, a folder, a video, its address, pattern or still"
    add("source", nargs="?", default="camera", help=f"{sources} (default camera)")
    add("--prompt", help="what to paint it as")
    outputs = "window, terminal, virtual-camera, a video (NAME.mp4), a picture (NAME.jpg: the newest), or a folder"
    add("--out", default="window", help=f"{outputs} (default window)")
    add("--url", default=variables("ALLAPRIMA_URL", URL), help=f"the server (default {URL}; ALLAPRIMA_URL)")
    add("--key", default=variables("ALLAPRIMA_KEY"), help="the server's key, if it wants one (ALLAPRIMA_KEY)")
    add("--student", help="who paints; the server's first if not given")
    add("--negative-prompt", help="what it should not be, where the student knows that")
    add("--seed", type=int, help="another noise, 0 to 4294967295")
    add("--strength", type=float, help="0 keeps the frame, 1 keeps nothing of it")
    add("--guidance", type=float, help="how closely to keep to the words, where the student is told that")
    add("--format", choices=("jpeg", "webp", "png"), help="of what the server sends (default jpeg)")
    add("--quality", type=int, help="of it, 1 to 100")
    add("--count", type=int, help="frames to paint; all there are, or until Ctrl-C")
    add("--fps", type=float, help="frames a second to send; as many as the server paints if not given")
    repeat = "repeat a picture for frames of a file that are like the last one, as is always done for cameras and screens"
    add("--repeat", action="store_true", help=repeat)
    add("--watch", action="store_true", help="say where others may watch it, as Motion JPEG")
    add("--quiet", action="store_true", help="show no progress")
    return parser.parse_args(arguments)
