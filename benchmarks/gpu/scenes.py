"""The similarity filter in front of an engine: cameras at their own pace before a still scene and before a moving one.

As the server does it: each camera has a filter of its own, which sees what the JPEG was decoded to; what it lets through is
painted with what other cameras have at that moment, and encoded. A skipped frame costs nothing else.
"""

import random
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np

from engines.engine import Pixels
from server import codec
from server.energy.meter import Meter
from server.params import Similarity
from server.similarity import SimilarityFilter

from .painter import Painter, paint
from .power import PowerTrace
from .timing import CODEC_THREADS, QUALITY, make_pictures, to_jpeg

RATE = 30.0
"""Frames per second of a camera."""
WANTED = Similarity()
"""The server's defaults."""
_NOISE = 2.0
"""Standard deviation of a camera's sensor, in levels of 255."""
_LOOP = 60
"""Frames of a scene before it begins again: two seconds."""


@dataclass(frozen=True, slots=True)
class Watched:
    """What a scene came to. `busy` is the share of the time in which a tick was under way, `late` of the moments at which
    the engine was not done with the moment before; `watts` is None where nothing counts."""

    frames: int
    painted: int
    seconds: float
    busy: float
    late: float
    watts: float | None

    @property
    def skipped(self) -> float:
        """Share of the frames."""
        return 1 - self.painted / self.frames


def still_scene(side: int) -> list[bytes]:
    """One picture, as a camera sees it again and again: with its sensor's noise."""
    scene = make_pictures(side, 1)[0].astype(np.float32)
    noise = np.random.default_rng(1)
    return to_jpeg(_levels(scene + noise.normal(0, _NOISE, scene.shape).astype(np.float32)) for _ in range(_LOOP))


def moving_scene(side: int) -> list[bytes]:
    """The same picture carried across the view, a width every two seconds."""
    scene = make_pictures(side, 1)[0].astype(np.float32)
    noise = np.random.default_rng(2)
    return to_jpeg(
        _levels(np.roll(scene, at * side // _LOOP, axis=1) + noise.normal(0, _NOISE, scene.shape).astype(np.float32))
        for at in range(_LOOP)
    )


def watch(
    painter: Painter,
    scene: Sequence[bytes],
    side: int,
    cameras: int,
    seconds: float,
    filtered: bool,
    meter: Meter | None = None,
    rate: float = RATE,
) -> Watched:
    """So many cameras before a scene, for so long. Each begins at another frame of it."""
    filters = [SimilarityFilter(random.Random(camera)) for camera in range(cameras)]
    moments, size = max(1, round(seconds * rate)), painter.sizes[-1]
    painted, busy, late = 0, 0.0, 0
    decode = partial(codec.decode, width=side, height=side)
    encode = partial(codec.encode, image_format="jpeg", quality=QUALITY)
    with ThreadPoolExecutor(CODEC_THREADS, thread_name_prefix="codec") as pool, PowerTrace(meter) as power:
        began = time.perf_counter()
        for moment in range(moments):
            early = began + moment / rate - time.perf_counter()
            if early > 0:
                time.sleep(early)
            elif moment:
                late += 1
            frames = [scene[(moment + camera) % len(scene)] for camera in range(cameras)]
            pictures = list(pool.map(decode, frames))
            if filtered:
                views = [one.view(picture, WANTED.measure) for one, picture in zip(filters, pictures, strict=True)]
                verdicts = [one.judge(view, WANTED, moment / rate) for one, view in zip(filters, views, strict=True)]
                pictures = [picture for picture, verdict in zip(pictures, verdicts, strict=True) if not verdict.skip]
            start = time.perf_counter()
            images = [image for at in range(0, len(pictures), size) for image in paint(painter, pictures[at : at + size])]
            busy += time.perf_counter() - start if pictures else 0.0
            painted += len(images)
            for image in images:
                pool.submit(encode, image)
        rest = began + moments / rate - time.perf_counter()
        if rest > 0:
            time.sleep(rest)
        spent = time.perf_counter() - began
    return Watched(moments * cameras, painted, spent, busy / spent, late / moments, power.watts)


def _levels(scene: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> Pixels:
    return scene.round().clip(0, 255).astype(np.uint8)
