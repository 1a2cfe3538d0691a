"""The stochastic similarity filter: skip a frame that is like the last one painted, most of the time. Pure.

StreamDiffusion (arXiv 2312.12491, eq. 8-9) skips with probability max(0, (c - threshold) / (1 - threshold)) where c is
the cosine similarity of the two frames on [-1, 1] pixels; here at most `max_skips` *in a row*.

Cosine divides the difference by the frames' own power, which is near zero for a mid-grey scene and one for a bright
one, so sensor noise counts for more in the grey scene. The measure `steady` divides by a fixed power instead.
"""

import random
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

NOMINAL_POWER = 0.25
"""Mean square of a well-exposed frame on [-1, 1], the fixed divisor of `steady`."""

Frame = NDArray[np.uint8]


def _unit(frame: Frame) -> NDArray[np.float32]:
    return frame.astype(np.float32).ravel() / np.float32(127.5) - np.float32(1)


def cosine(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Cosine of the angle between two flat frames; 1 for two frames that are both exactly grey."""
    scale = float(np.sqrt(np.dot(a, a) * np.dot(b, b)))
    return float(np.dot(a, b)) / scale if scale > 1e-6 else 1.0


def steady(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """1 - mean((a - b)^2) / (2 * NOMINAL_POWER): cosine's value for a frame of nominal power, whatever the scene's own."""
    difference = a - b
    return 1.0 - float(np.dot(difference, difference)) / len(a) / (2 * NOMINAL_POWER)


_MEASURES = {"cosine": cosine, "steady": steady}


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether to skip, and the score that said so (None where there was nothing to compare with)."""

    skip: bool
    score: float | None


class SimilarityFilter:
    """One session's filter. `rng` is its own, so that sessions do not steer each other."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._last: NDArray[np.float32] | None = None
        self._skips = 0

    def reset(self) -> None:
        """Let the next frame through: what it would be compared with was painted under other params."""
        self._last = None
        self._skips = 0

    def judge(self, frame: Frame, threshold: float, max_skips: int, measure: Literal["cosine", "steady"] = "cosine") -> Verdict:
        """Decide on a frame, uint8 [h, w, 3] at any scale. A frame let through becomes the one compared with."""
        now = _unit(frame)
        if self._last is None or len(self._last) != len(now):
            return self._pass(now, None)
        score = _MEASURES[measure](self._last, now)
        chance = max(0.0, (score - threshold) / (1 - threshold)) if threshold < 1 else 0.0
        if self._skips < max_skips and self._rng.random() < chance:
            self._skips += 1
            return Verdict(True, score)
        return self._pass(now, score)

    def _pass(self, now: NDArray[np.float32], score: float | None) -> Verdict:
        self._last = now
        self._skips = 0
        return Verdict(False, score)
