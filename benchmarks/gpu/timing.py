"""Ticks for so many seconds: how many images, and how long each tick took from its beginning to its images."""

import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any

import numpy as np

from engines.engine import Pixels
from server import codec

from .painter import Painter

Clock = Callable[[], float]

CODEC_THREADS = max(2, min(8, (os.cpu_count() or 2) // 2))
"""As the server has (`server.server`, which is not imported: on a bare machine there is no HTTP)."""
QUALITY = 85
"""Of JPEG: what the server answers with unless asked for another."""
_SETTLING = 3
"""Ticks before any that count."""


@dataclass(slots=True)
class Timing:
    """What so many seconds gave. `latencies` are seconds of each tick."""

    images: int = 0
    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Images per second."""
        return self.images / self.seconds

    def percentile(self, percent: float) -> float:
        """Seconds: the shortest latency that so many per cent of the ticks do not exceed (nearest rank)."""
        ordered = sorted(self.latencies)
        return ordered[max(0, -int(-percent * len(ordered) // 100) - 1)]


def settle(painter: Painter, pictures: Sequence[Pixels]) -> None:
    """Ticks that do not count. Raises ValueError if they do not give a picture for each picture."""
    for _ in range(_SETTLING):
        images = painter.finish(painter.begin(pictures))
        if [image.shape for image in images] != [picture.shape for picture in pictures]:
            raise ValueError(f"{len(pictures)} pictures came back as {[image.shape for image in images]}")


def time_ticks(
    painter: Painter, rounds: Iterable[Sequence[Pixels]], seconds: float, clock: Clock = time.perf_counter
) -> Timing:
    """Ticks alone, as many under way as the painter can have, one at least. `rounds` are the pictures of a tick, in turn."""
    timing, under_way, work = Timing(), deque[tuple[float, int, Any]](), cycle(rounds)

    def finish() -> None:
        began, count, ticket = under_way.popleft()
        painter.finish(ticket)
        timing.latencies.append(clock() - began)
        timing.images += count

    began = clock()
    while clock() - began < seconds or not (timing.latencies or under_way):
        pictures = next(work)
        under_way.append((clock(), len(pictures), painter.begin(pictures)))
        if len(under_way) == painter.depth:
            finish()
    while under_way:
        finish()
    timing.seconds = clock() - began
    return timing


@dataclass(slots=True, eq=False)
class _Tick:
    """A tick on its way from JPEG to JPEG."""

    began: float
    decoding: list[Future[Pixels]]
    ticket: Any = None
    encoding: list[Future[float]] = field(default_factory=list)


def time_with_jpeg(painter: Painter, rounds: Iterable[Sequence[bytes]], side: int, seconds: float) -> Timing:
    """The same with JPEG in and out, in the server's codec and as many threads: the next tick's pictures are decoded while
    this one runs, and the last one's encoded. A latency is from JPEG to JPEG."""
    timing, clock, work = Timing(), time.perf_counter, cycle(rounds)
    under_way, leaving = deque[_Tick](), deque[_Tick]()
    with ThreadPoolExecutor(CODEC_THREADS, thread_name_prefix="codec") as pool:

        def decode() -> _Tick:
            return _Tick(clock(), [pool.submit(codec.decode, jpeg, side, side) for jpeg in next(work)])

        def finish() -> None:
            tick = under_way.popleft()
            tick.encoding = [pool.submit(_encode, image) for image in painter.finish(tick.ticket)]
            leaving.append(tick)

        def leave() -> None:
            tick = leaving.popleft()
            timing.latencies.append(max(future.result() for future in tick.encoding) - tick.began)
            timing.images += len(tick.encoding)

        began = clock()
        following = decode()
        while clock() - began < seconds or not (under_way or leaving):
            tick, following = following, decode()
            tick.ticket = painter.begin([future.result() for future in tick.decoding])
            under_way.append(tick)
            if len(under_way) == painter.depth:
                finish()
            while len(leaving) > 1:  # as the server: nothing waits without a bound
                leave()
        while under_way:
            finish()
        while leaving:
            leave()
        timing.seconds = clock() - began
        for future in following.decoding:
            future.cancel()
    return timing


def _encode(image: Pixels) -> float:
    """When it was done."""
    codec.encode(image, "jpeg", QUALITY)
    return time.perf_counter()


def make_pictures(side: int, count: int, seed: int = 0) -> list[Pixels]:
    """Smooth pictures with a little grain: a JPEG of them is about as large as a camera's."""
    return list(_pictures(side, count, np.random.default_rng(seed)))


def _pictures(side: int, count: int, random: np.random.Generator) -> Iterator[Pixels]:
    from PIL import Image

    for _ in range(count):
        coarse = Image.fromarray(random.integers(0, 256, (9, 9, 3), dtype=np.uint8))
        smooth = np.asarray(coarse.resize((side, side), Image.Resampling.BICUBIC)).astype(np.int16)
        grain = random.integers(-6, 7, (side, side, 1), dtype=np.int16)
        yield (smooth + grain).clip(0, 255).astype(np.uint8)


def to_jpeg(pictures: Iterable[Pixels]) -> list[bytes]:
    return [codec.encode(picture, "jpeg", QUALITY) for picture in pictures]
