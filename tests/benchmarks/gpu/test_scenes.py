"""The filter skips a still scene and lets a moving one through, each camera for itself."""

import numpy as np
import pytest

from benchmarks.gpu.scenes import WANTED, moving_scene, still_scene, watch
from tests.benchmarks.gpu.noting import Noting

FAST = 500.0
"""Frames per second, so that tests take no time: what is skipped does not depend on it."""


def test_a_still_scene() -> None:
    """Of a still scene hardly more is painted than one frame after each run of the most skips, if they come fast."""
    seen = watch(Noting(), still_scene(64), 64, 1, 0.5, filtered=True, rate=FAST)
    assert seen.frames == 250
    assert 1 / (WANTED.max_skips + 1) <= 1 - seen.skipped < 0.2


def test_a_moving_scene() -> None:
    """Of a moving scene nearly all frames are painted."""
    assert watch(Noting(), moving_scene(64), 64, 1, 0.4, filtered=True, rate=FAST).skipped < 0.05


@pytest.mark.parametrize("make", [still_scene, moving_scene])
def test_without_the_filter(make: object) -> None:
    """Without it every frame is painted."""
    seen = watch(Noting(), make(64), 64, 2, 0.1, filtered=False, rate=FAST)  # type: ignore[operator]
    assert (seen.painted, seen.skipped) == (seen.frames, 0.0) == (100, 0.0)


def test_several_cameras_share_ticks() -> None:
    """What several cameras bring at a moment is painted together, in ticks of the painter's size at most."""
    painter = Noting(sizes=(1, 4))
    seen = watch(painter, moving_scene(64), 64, 6, 0.1, filtered=False, rate=100.0)
    assert (seen.frames, seen.painted) == (60, 60)
    assert painter.notes.count("begin 1") == 1
    assert sum(note.startswith("begin") for note in painter.notes) == 20


def test_each_camera_has_a_filter_of_its_own() -> None:
    """Cameras before different moments of a still scene skip as much as one alone."""
    seen = watch(Noting(), still_scene(64), 64, 3, 0.3, filtered=True, rate=300.0)
    assert seen.skipped > 0.8


def test_pace_and_business() -> None:
    """Frames come at their pace, and the time in ticks is measured."""
    seen = watch(Noting(), still_scene(64), 64, 1, 0.5, filtered=False, rate=50.0)
    assert seen.seconds == pytest.approx(0.5, abs=0.2)
    assert 0 < seen.busy < 0.5
    assert seen.watts is None


def test_scenes_are_what_they_are_called() -> None:
    """Frames of the still scene differ by noise, those of the moving one by a shift, until it begins again."""
    from server import codec

    def frame(scene: list[bytes], at: int) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
        return codec.decode(scene[at], 64, 64).astype(np.int64)

    still, moving = still_scene(64), moving_scene(64)
    assert 0 < np.abs(frame(still, 0) - frame(still, 1)).mean() < 6
    assert np.abs(frame(moving, 0) - frame(moving, 20)).mean() > 10
    shift = 20 * 64 // 60
    assert np.abs(np.roll(frame(moving, 0), shift, axis=1) - frame(moving, 20)).mean() < 6
