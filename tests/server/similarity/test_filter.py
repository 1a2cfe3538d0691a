"""The filter by its usual measure, on photographs through JPEG, at 18 frames a second: what it paints, and what it repeats."""

import random
from collections.abc import Iterable

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from server.params import Similarity
from server.similarity import SimilarityFilter

from .scenes import PHOTOGRAPHS, SIDE, Frame, at, filmed, pan, photograph, sensor, still

RATE = 18.0
WANTED = Similarity()
SENSORS = [("even", 2), ("even", 4), ("grey", 4), ("shot", 4), ("smooth", 2), ("flicker", 0.5)]
NAMES = [f"{kind} {level}" for kind, level in SENSORS]


class Stream:
    """A filter with a clock of its own."""

    def __init__(self, idle: bool = False, wanted: Similarity = WANTED) -> None:
        self._filter, self._idle, self._wanted, self._number = SimilarityFilter(random.Random(0)), idle, wanted, 0

    def painted(self, frame: Frame) -> bool:
        self._number += 1
        view = self._filter.view(frame, self._wanted.measure)
        return not self._filter.judge(view, self._wanted, self._number / RATE, self._idle).skip

    def share(self, frames: Iterable[Frame]) -> float:
        """Of these frames, those that are painted."""
        return float(np.mean([self.painted(frame) for frame in frames]))


@pytest.mark.parametrize("idle", [False, True])
@pytest.mark.parametrize(("kind", "level"), SENSORS, ids=NAMES)
@pytest.mark.parametrize("name", PHOTOGRAPHS[:4])
def test_a_still_scene(name: str, kind: str, level: float, idle: bool) -> None:
    """A still scene is answered by repeats at 0.85 or more, whatever its sensor's noise, and be the engine idle.

    So it takes a fifth, at most, of the joules that painting every frame does.
    """
    assert Stream(idle).share(still(photograph(name), sensor(kind, level), 36)) <= 0.15


@pytest.mark.parametrize("qualities", [(50,), (60, 85, 70), (85,) * 10 + (50,) * 26], ids=["rough", "changing", "once rougher"])
def test_a_still_scene_through_rougher_jpeg(qualities: tuple[int, ...]) -> None:
    """So it is through JPEG of the roughest quality that the page sends, or of one that changes."""
    assert Stream().share(still(photograph("coffee.png"), sensor("even", 3), 36, qualities)) <= 0.17


@pytest.mark.parametrize(("kind", "level"), [("even", 0), *SENSORS], ids=["none", *NAMES])
@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_a_pan(name: str, kind: str, level: float) -> None:
    """A pan of one pixel a frame is painted at 0.95 of what was sent, and at once after a still scene."""
    scene = photograph(name)
    assert Stream().share(pan(scene, sensor(kind, level), 20)) >= 0.95
    stream = Stream()
    for frame in still(scene, sensor(kind, level), 6):
        stream.painted(frame)
    assert stream.painted(next(pan(scene[:, 1:], sensor(kind, level, seed=9), 1)))


@pytest.mark.parametrize("kind", ["none", "even", "smooth"])
@pytest.mark.parametrize("name", PHOTOGRAPHS[:4])
def test_a_pan_out_of_focus(name: str, kind: str) -> None:
    """So is one through a lens that is out of focus, since the noise is told from a steady movement."""
    soft = Image.fromarray(photograph(name).astype(np.uint8)).filter(ImageFilter.GaussianBlur(3))
    frames = pan(np.asarray(soft).astype(np.float32), sensor(kind, 0 if kind == "none" else 2), 20)
    assert Stream().share(frames) >= 0.95


@pytest.mark.parametrize("change", [8, -8])
@pytest.mark.parametrize("channels", [(0, 1, 2), (0,), (1,), (2,)], ids=["grey", "red", "green", "blue"])
@pytest.mark.parametrize("scene", ["coffee.png", "moon.png", "black", "grey", "white"])
def test_a_flat_change(scene: str, channels: tuple[int, ...], change: int) -> None:
    """The whole picture, or one colour of it, that becomes 8 levels brighter or darker is painted at once."""
    levels = {"black": 10.0, "grey": 128.0, "white": 245.0}
    drawn = np.full((SIDE, SIDE, 3), levels[scene], np.float32) if scene in levels else at(photograph(scene))
    noise, stream = sensor("even", 2), Stream()
    for _ in range(6):
        stream.painted(filmed(noise(drawn)))
    changed = drawn.copy()
    changed[..., channels] += change
    assert stream.painted(filmed(noise(changed)))


def test_grey_turned_over() -> None:
    """A flat 60 that becomes 195 is as new as a picture can be, though the two are alike by their angle."""
    stream = Stream()
    stream.painted(filmed(np.full((SIDE, SIDE, 3), 60, np.float32)))
    assert stream.painted(filmed(np.full((SIDE, SIDE, 3), 195, np.float32)))


@pytest.mark.parametrize("contrast", [-20, 8, 40])
@pytest.mark.parametrize("shape", ["disc", "bar", "dots"])
@pytest.mark.parametrize("name", [*PHOTOGRAPHS[:4], "white"])
def test_a_new_object(name: str, shape: str, contrast: int) -> None:
    """What takes 2% of the picture is painted at once, on a photograph or on white, wherever it comes in."""
    scene = np.full((SIDE, SIDE, 3), 200, np.float32) if name == "white" else at(photograph(name))
    mask = Image.new("L", (SIDE, SIDE))
    draw = ImageDraw.Draw(mask)
    if shape == "disc":  # 2% of 256 x 256 pixels is 1311
        draw.ellipse((101, 57, 141, 97), fill=255)
    elif shape == "bar":
        draw.rectangle((30, 200, 193, 207), fill=255)
    else:
        for number in range(12):
            draw.rectangle((20 * number, 21 * number, 20 * number + 10, 21 * number + 10), fill=255)
    noise, stream = sensor("even", 2), Stream()
    for _ in range(6):
        stream.painted(filmed(noise(scene)))
    assert stream.painted(filmed(noise(scene + contrast * (np.asarray(mask) > 0)[..., None])))


def test_a_slow_drift_adds_up() -> None:
    """Frames are compared with the one painted, not with the one before: a light that grows slowly is painted in steps."""
    stream, scene = Stream(wanted=Similarity(max_skips=1000, max_seconds=3600)), at(photograph("coffee.png"))
    painted = [stream.painted(filmed(scene * np.float32(1 + 0.004 * number))) for number in range(40)]
    assert 3 <= sum(painted) <= 20


def test_bounds_in_frames_and_in_seconds() -> None:
    """Of frames that are all alike, one is painted after so many, and one when what is shown is so many seconds old."""
    frame = filmed(at(photograph("coffee.png")))
    for wanted, every in (
        (Similarity(max_skips=3), 4),
        (Similarity(max_seconds=0.99, max_skips=100), 18),
        (Similarity(max_seconds=0.49), 9),
    ):
        stream = Stream(wanted=wanted)
        painted = [stream.painted(frame) for _ in range(40)]
        assert [number for number, was in enumerate(painted) if was] == list(range(0, 40, every))


@pytest.mark.parametrize(("threshold", "painted"), [(1.0, True), (0.99, True), (0.96, False), (-1.0, False)])
def test_the_threshold(threshold: float, painted: bool) -> None:
    """Half the way to a threshold of one, half of a change is enough; at twice the distance it takes two."""
    flat, stream = np.full((SIDE, SIDE, 3), 128, np.float32), Stream(wanted=Similarity(threshold=threshold))
    stream.painted(filmed(flat))
    assert stream.painted(filmed(flat + 4)) is painted


def test_small_pictures() -> None:
    """Pictures of a few pixels are compared, too, and one of another size is new."""
    stream = Stream()
    for side in (8, 12, 64):
        frame = np.full((side, side, 3), 100, np.uint8)
        assert [stream.painted(frame) for _ in range(2)] == [True, False]
        assert stream.painted(frame + np.uint8(9))


def test_another_measure_begins_anew() -> None:
    """What one measure saw says nothing to another."""
    frame, judge = filmed(at(photograph("coffee.png"))), SimilarityFilter(random.Random(0))
    for measure in ("change", "cosine", "change", "steady"):
        wanted = Similarity(measure=measure)
        assert judge.judge(judge.view(frame, measure), wanted, 0.0).score is None
        assert judge.judge(judge.view(frame, measure), wanted, 0.0).score == pytest.approx(1, abs=1e-6)


def test_reset_between_looking_and_judging() -> None:
    """A frame that was looked at before a change of params is judged after it: it is painted."""
    frame, judge = filmed(at(photograph("coffee.png"))), SimilarityFilter(random.Random(0))
    judge.judge(judge.view(frame, "change"), WANTED, 0.0)
    view = judge.view(frame, "change")
    judge.reset()
    assert not judge.judge(view, WANTED, 0.1).skip
