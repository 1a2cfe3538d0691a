"""StreamDiffusion's stochastic filter: the published formula, exactly; consecutive skips; and a measure free of brightness."""

import random

import numpy as np
import pytest
from numpy.typing import NDArray

from server.params import Similarity
from server.similarity import SimilarityFilter, Verdict, cosine, steady

Frame = NDArray[np.uint8]


class Draws(random.Random):
    """A generator that gives the numbers it was told to."""

    def __init__(self, *values: float) -> None:
        super().__init__()
        self._values = iter(values)

    def random(self) -> float:
        return next(self._values)


class Filter(SimilarityFilter):
    """A filter by cosine at one moment."""

    def decide(self, frame: Frame, threshold: float, max_skips: int) -> Verdict:
        wanted = Similarity(threshold=threshold, max_skips=max_skips, measure="cosine")
        return self.judge(self.view(frame, "cosine"), wanted, 0.0)


def _pair_with_cosine(c: float) -> tuple[Frame, Frame]:
    """Two frames whose cosine on [-1, 1] is `c` as nearly as 8 bits say it."""
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal(64 * 64 * 3) for _ in range(2))
    a /= np.linalg.norm(a)
    b -= a * (a @ b)
    b /= np.linalg.norm(b)
    scale = 40 * np.sqrt(len(a))
    frames = (np.clip(np.round(127.5 + scale * v), 0, 255).astype(np.uint8) for v in (a, c * a + np.sqrt(1 - c * c) * b))
    first, second = (frame.reshape(64, 64, 3) for frame in frames)
    return first, second


def _unit(frame: Frame) -> NDArray[np.float32]:
    return frame.astype(np.float32).ravel() / np.float32(127.5) - np.float32(1)


def _pass_rate(c: float, threshold: float = 0.98, max_skips: int = 10, frames: int = 6000) -> float:
    a, b = _pair_with_cosine(c)
    judge = Filter(random.Random(1))
    judge.decide(a, threshold, max_skips)
    passed, here = 0, a
    for _ in range(frames):
        there = b if here is a else a
        if not judge.decide(there, threshold, max_skips).skip:
            passed, here = passed + 1, there
    return passed / frames


def test_the_first_frame_passes() -> None:
    """With nothing to compare with there is no score and no skip."""
    verdict = Filter(Draws()).decide(np.zeros((4, 4, 3), np.uint8), 0.98, 10)
    assert (verdict.skip, verdict.score) == (False, None)


@pytest.mark.parametrize("c", [0.98, 0.985, 0.99, 0.995, 0.999])
def test_the_published_probability(c: float) -> None:
    """A frame is skipped with probability (c - threshold) / (1 - threshold), at either side of it."""
    a, b = _pair_with_cosine(c)
    score = cosine(_unit(a), _unit(b))
    assert score == pytest.approx(c, abs=3e-4)
    chance = max(0.0, (score - 0.98) / 0.02)
    for draw in (chance - 1e-6, chance + 1e-6):
        judge = Filter(Draws(draw))
        judge.decide(a, 0.98, 10)
        assert judge.decide(b, 0.98, 10).skip == (draw < chance)


@pytest.mark.parametrize("c", [0.97, 0.5, -1.0])
def test_unlike_frames_pass(c: float) -> None:
    """Below the threshold every frame passes."""
    assert _pass_rate(c, frames=200) == 1.0


@pytest.mark.parametrize(
    ("c", "published"), [(1.0, 0.0833), (0.999, 0.129), (0.998, 0.176), (0.995, 0.313), (0.99, 0.541), (0.985, 0.77)]
)
def test_pass_rates(c: float, published: float) -> None:
    """The share of frames that pass is the published one; at most `max_skips` consecutive skips make it 1/11 for c = 1.

    Skips in a row follow a geometric law cut off at 10, whose mean gives the exact rate to compare with.
    """
    a, b = _pair_with_cosine(c)
    chance = min(1.0, max(0.0, (cosine(_unit(a), _unit(b)) - 0.98) / 0.02))
    exact = 1 / sum(chance**n for n in range(11))
    assert _pass_rate(c) == pytest.approx(exact, abs=0.02)
    assert exact == pytest.approx(published, abs=0.05)


def test_skips_in_a_row_are_counted() -> None:
    """After `max_skips` skips in a row a frame passes, and the count starts anew."""
    frame = np.full((4, 4, 3), 200, np.uint8)
    judge = Filter(Draws(*[0.0] * 100))
    skips = [judge.decide(frame, 0.98, 3).skip for _ in range(9)]
    assert skips == [False, True, True, True, False, True, True, True, False]


def test_a_pass_ends_the_row() -> None:
    """Only consecutive skips count: a frame that passes by chance lets `max_skips` more be skipped."""
    frame, other = np.full((4, 4, 3), 200, np.uint8), np.zeros((4, 4, 3), np.uint8)
    judge = Filter(Draws(*[0.0] * 100))
    skips = [judge.decide(f, 0.98, 2).skip for f in (frame, frame, other, other, other, other)]
    assert skips == [False, True, False, True, True, False]


def test_no_skips_allowed() -> None:
    """With max_skips 0 every frame passes."""
    frame = np.full((4, 4, 3), 200, np.uint8)
    judge = Filter(Draws())
    assert [judge.decide(frame, 0.98, 0).skip for _ in range(3)] == [False] * 3


def test_a_threshold_of_one() -> None:
    """A threshold of 1 skips nothing, and divides nothing by zero."""
    frame = np.full((4, 4, 3), 200, np.uint8)
    judge = Filter(random.Random(0))
    assert not any(judge.decide(frame, 1.0, 10).skip for _ in range(5))


def test_compared_with_the_last_that_passed() -> None:
    """A slow drift adds up: frames are compared with the one painted, not with the one before."""
    judge = Filter(Draws(*[0.5] * 100))
    ramp = np.linspace(0, 255, 32 * 32 * 3).reshape(32, 32, 3)
    skips = [judge.decide(np.roll(ramp, 24 * i).astype(np.uint8), 0.9, 1000).skip for i in range(20)]
    assert skips[1]
    assert not all(skips[1:])


def test_reset() -> None:
    """After a reset the next frame passes."""
    frame = np.full((4, 4, 3), 200, np.uint8)
    judge = Filter(Draws(0.0, 0.0))
    judge.decide(frame, 0.98, 10)
    judge.reset()
    assert judge.decide(frame, 0.98, 10).score is None


def test_a_new_size_passes() -> None:
    """A frame of another size cannot be compared and passes."""
    judge = Filter(Draws())
    judge.decide(np.zeros((4, 4, 3), np.uint8), 0.98, 10)
    assert judge.decide(np.zeros((8, 4, 3), np.uint8), 0.98, 10).score is None


def test_filters_do_not_steer_each_other() -> None:
    """What one filter sees changes nothing for another."""
    frame = np.full((4, 4, 3), 200, np.uint8)

    def alone() -> list[bool]:
        judge = Filter(random.Random(5))
        return [judge.decide(frame, 0.0, 3).skip for _ in range(20)]

    expected = alone()
    noisy, judge = Filter(random.Random(9)), Filter(random.Random(5))
    got = []
    for _ in range(20):
        noisy.decide(255 - frame, 0.0, 3)
        got.append(judge.decide(frame, 0.0, 3).skip)
    assert got == expected


def _noisy_pair(mean: float, contrast: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    rng = np.random.default_rng(0)
    scene = mean + contrast * rng.standard_normal((64, 64, 3))
    noisy = (np.clip(scene + 5 * rng.standard_normal(scene.shape), 0, 255).astype(np.uint8) for _ in range(2))
    first, second = (_unit(frame) for frame in noisy)
    return first, second


def test_steady_does_not_depend_on_the_scene() -> None:
    """The same sensor noise gives one score in a bright, a dark and a grey scene; by cosine the grey one differs."""
    scenes = {"bright": (225, 8), "dark": (40, 8), "grey": (127.5, 12)}
    by_steady = {name: steady(*_noisy_pair(*scene)) for name, scene in scenes.items()}
    by_cosine = {name: cosine(*_noisy_pair(*scene)) for name, scene in scenes.items()}
    assert max(by_steady.values()) - min(by_steady.values()) < 3e-4
    assert by_steady["grey"] > 0.98
    assert by_cosine["bright"] > 0.99
    assert by_cosine["grey"] < 0.9


def test_steady_is_one_for_equal_frames() -> None:
    """Equal frames score 1 and opposite ones far less."""
    frame = _unit(np.full((4, 4, 3), 200, np.uint8))
    assert steady(frame, frame) == 1.0
    assert steady(frame, -frame) < 0.5


def test_two_grey_frames() -> None:
    """Cosine is 1, not a division by zero, for two frames of no power."""
    grey = np.zeros(12, np.float32)
    assert cosine(grey, grey) == 1.0


@pytest.mark.parametrize("value", [0, 127, 128, 255])
def test_flat_frames(value: int) -> None:
    """A flat frame is like itself by either measure."""
    frame = _unit(np.full((8, 8, 3), value, np.uint8))
    assert cosine(frame, frame) == pytest.approx(1, abs=1e-5)
    assert steady(frame, frame) == 1.0
