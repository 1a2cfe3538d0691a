"""What engines have in common around their ticks: what is wrong with a row, and how long a tick takes."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from .engine import Conditioning, Painted, Row
from .ports import Ports, handed, told
from .student import Student

LATENTS_GONE = "the latents of this job are gone"
NOT_A_NUMBER = "the network gave a value that is not a number"

_TICKS = 5
_SECONDS = 2.0
"""A size whose ticks have taken as long is timed well enough."""


def wrong_with(row: Row, ports: Ports) -> str | None:
    """Why a row does not fit a student's graphs, if it does not."""
    pixels = ports["encode"]["pixels"].shape
    if row.image is not None and row.image.shape != pixels:
        return f"the image has shape {row.image.shape}, not {pixels}"
    if why := wrong_with_mask(row, pixels[:2]):
        return why
    if handed(ports) and (row.image is None or not row.last):
        return "this student paints over a picture in one step: the row lacks its image, or is not its job's last"
    for name, port in told(ports["denoise"]).items():
        value = row.told(name)
        if value is None and not port.optional:
            return f"the row lacks its {name}"
        if value is not None and np.shape(value) != port.shape:
            return f"the {name} has shape {np.shape(value)}, not {port.shape}"
    return None


def wrong_with_mask(row: Row, shape: tuple[int, ...]) -> str | None:
    """Why a row's mask is none for an image of this height and width."""
    if row.mask is None:
        return None
    if row.image is None:
        return "the mask is of no image: it goes with one"
    return f"the mask has shape {row.mask.shape}, not {shape}" if row.mask.shape != shape else None


def time_ticks(
    student: Student,
    batch_sizes: Sequence[int],
    tick: Callable[[Sequence[Row]], list[Painted]],
    conditioning: Conditioning,
    settling: int = 1,
) -> dict[int, float]:
    """Seconds that an undisturbed tick of each size takes, after `settling` ticks of it that are not timed."""
    rng = np.random.default_rng(0)
    step = replace(student.any_job()[0], alpha_next=0.0, sigma_next=0.0)
    shape = (student.height, student.width, 3)
    costs = {}
    for size in batch_sizes:
        image = rng.integers(0, 256, shape, dtype=np.uint8) if student.img2img else None
        # jobs below zero: none of the server's
        rows = [Row(-1 - at, 0, step, True, conditioning, at, image) for at in range(size)]
        for _ in range(settling):
            tick(rows)
        seconds: list[float] = []
        while not seconds or (len(seconds) < _TICKS and sum(seconds) < _SECONDS):
            began = time.perf_counter()
            tick(rows)
            seconds.append(time.perf_counter() - began)
        costs[size] = min(seconds)  # what it takes when nothing else disturbs
    return costs
