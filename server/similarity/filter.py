"""The similarity filter: skip a frame that is like the last one painted.

By the measure `change` a frame is skipped while nothing moved (see `change`); if that is in doubt, only while the engine has
other work. By `cosine` and `steady` it is StreamDiffusion's stochastic filter (arXiv 2312.12491, eq. 8-9): a frame is skipped
with probability max(0, (c - threshold) / (1 - threshold)), where c is the likeness of the two whole frames on [-1, 1].

By any measure, no more than `max_skips` frames are skipped in a row, and none comes so late that what is shown would be older
than `max_seconds`.
"""

import random
from collections import deque
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from .change import Sketch, Step, compare, noise_in, noise_of
from .measures import Unit, cosine, steady, unit

Frame = NDArray[np.uint8]
Measure = Literal["change", "cosine", "steady"]

ONE_CHANGE = 0.02
"""By `change`, the score is 1 less this for each time that the change is as large as what is called one. At the usual
threshold, 0.98, one change is painted; at 0.99 half of one."""
DOUBT = 0.9
"""Share of what is painted from which on a change is in doubt."""

_WATCHED = 15  # frames from which the noise is known
_ALIKE = {"cosine": cosine, "steady": steady}


class Wanted(Protocol):
    """What a user wants of the filter (`server.params.Similarity`)."""

    @property
    def threshold(self) -> float: ...
    @property
    def max_skips(self) -> int: ...
    @property
    def max_seconds(self) -> float: ...
    @property
    def measure(self) -> Measure: ...


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether to skip, and the score that said so (None where there was nothing to compare with)."""

    skip: bool
    score: float | None


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A frame as the filter sees it: by which measure, what was seen, and how it compares with what was last painted.

    By `change` also the step from the frame before, and what the stream's noise may be by it.
    """

    measure: Measure
    seen: Sketch | Unit
    against: Sketch | Unit | None
    score: float | None
    step: Step | None = None
    noise: float | None = None


class SimilarityFilter:
    """One stream's filter. `rng` is its own, so that streams do not steer each other."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._painted: Sketch | Unit | None = None
        self._painted_at = 0.0
        self._before: Sketch | None = None
        self._step: Step | None = None
        self._noise: deque[float] = deque(maxlen=_WATCHED)
        self._skips = 0

    def reset(self) -> None:
        """Let the next frame through: what it would be compared with was painted under other params, or never seen."""
        self._painted = None
        self._skips = 0

    def view(self, frame: Frame, measure: Measure) -> View:
        """Look at a frame, uint8 [h, w, 3]. Takes milliseconds and changes nothing: for any thread, one frame at a time."""
        return self._view_change(frame) if measure == "change" else self._view_whole(frame, measure)

    def _view_whole(self, frame: Frame, measure: Measure) -> View:
        flat, painted = unit(frame), self._painted
        if not isinstance(painted, np.ndarray) or len(painted) != len(flat):
            return View(measure, flat, painted, None)
        return View(measure, flat, painted, _ALIKE[measure](painted, flat))

    def _view_change(self, frame: Frame) -> View:
        sketch, painted, before = Sketch.of(frame), self._painted, self._before
        step, noise = None, None
        if before is not None and before.luma.shape == sketch.luma.shape:
            step = Step.of(sketch, before)
            noise = noise_in(step, self._step)
        score = None
        if isinstance(painted, Sketch) and painted.luma.shape == sketch.luma.shape:
            since = step if step is not None and painted is before else Step.of(sketch, painted)
            watched = [*self._noise, *(() if noise is None else (noise,))]
            score = 1 - ONE_CHANGE * compare(sketch, painted, since).size(noise_of(watched))
        return View("change", sketch, painted, score, step, noise)

    def judge(self, view: View, wanted: Wanted, now: float, idle: bool = False) -> Verdict:
        """Decide on a frame of time `now`, in seconds. One let through becomes the one compared with."""
        if isinstance(view.seen, Sketch):
            self._before, self._step = view.seen, view.step
            if view.noise is not None:
                self._noise.append(view.noise)
        score = view.score if view.against is self._painted else None  # or it was painted under other params
        if score is not None and self._may_skip(wanted, now) and self._alike(score, wanted, idle):
            self._skips += 1
            return Verdict(True, score)
        self._painted, self._painted_at, self._skips = view.seen, now, 0
        return Verdict(False, score)

    def _may_skip(self, wanted: Wanted, now: float) -> bool:
        return self._skips < wanted.max_skips and now - self._painted_at < wanted.max_seconds

    def _alike(self, score: float, wanted: Wanted, idle: bool) -> bool:
        left = 1 - wanted.threshold
        if left <= 0:
            return False
        likeness = (score - wanted.threshold) / left
        if wanted.measure == "change":
            return likeness > (1 - DOUBT if idle else 0)
        return self._rng.random() < max(0.0, likeness)
