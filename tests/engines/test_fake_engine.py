"""The fake engine: faults and times as asked for. What it shares with the others is in the engine suite."""

import time
from dataclasses import replace

import numpy as np
import pytest

from engines.engine import Row
from engines.errors import EngineError
from engines.fake_device import FakeDevice
from engines.fake_engine import FakeEngine
from engines.student import Student
from engines.students import load_student


def _row(engine: FakeEngine, prompt: str, job: int = 1) -> Row:
    (step,) = engine.student.contract.still()
    return Row(job, 0, step, True, engine.condition(prompt), 0)


def test_error(student: Student) -> None:
    """`fake:error` fails its row and no other."""
    engine = FakeEngine(student)
    failed, painted = engine.tick([_row(engine, "please fake:error now"), _row(engine, "a boat", 2)])
    assert failed.error == "the fake engine was asked to fail this image"
    assert painted.image is not None


def test_crash(student: Student) -> None:
    """`fake:crash` fails the whole tick."""
    engine = FakeEngine(student)
    with pytest.raises(EngineError, match="asked to crash"):
        engine.tick([_row(engine, "a boat"), _row(engine, "fake:crash", 2)])
    assert engine.tick([_row(engine, "a boat")])[0].image is not None


@pytest.mark.parametrize(("rows", "at_least"), [(1, 0.03), (2, 0.04), (3, 0.06)])
def test_time(student: Student, rows: int, at_least: float) -> None:
    """A tick takes its fixed time and that of each row, padding included, as warm_up says."""
    engine = FakeEngine(student, (1, 2, 4), tick_seconds=0.02, row_seconds=0.01)
    asked = [_row(engine, "", job) for job in range(rows)]
    began = time.perf_counter()
    engine.tick(asked)
    assert time.perf_counter() - began >= at_least
    assert engine.warm_up() == pytest.approx({1: 0.03, 2: 0.04, 4: 0.06})


def test_of_any_student(student: Student) -> None:
    """It paints in any student's size, with no graphs."""
    wide = replace(student, width=128, height=64, graphs=student.graphs / "none")
    engine = FakeEngine(wide)
    image = engine.tick([_row(engine, "a boat")])[0].image
    assert image is not None
    assert image.shape == (64, 128, 3)


def test_blends_are_between(student: Student) -> None:
    """The mean of two conditionings paints between the two."""
    engine = FakeEngine(student)
    a, b = _row(engine, "a"), _row(engine, "b")
    means = []
    for conditioning in (a.conditioning, (a.conditioning + b.conditioning) / 2, b.conditioning):
        image = engine.tick([replace(a, conditioning=conditioning)])[0].image
        assert image is not None
        means.append(float(image.mean()))
    assert min(means[0], means[2]) <= means[1] <= max(means[0], means[2])


@pytest.mark.parametrize("name", ["sd-turbo", "embedded"])
def test_the_source_shows_through(name: str) -> None:
    """Whatever units a student counts its noise in, a weak repainting is near the picture and a strong one is not."""
    engine = FakeEngine(load_student(name))
    size = (engine.student.height, engine.student.width, 3)
    white = np.full(size, 255, np.uint8)
    means = []
    for strength in (0.02, 0.5, 1.0):
        (step,) = engine.student.contract.repaint(strength)
        image = engine.tick([replace(_row(engine, "a boat"), step=step, image=white)])[0].image
        assert image is not None
        means.append(float(image.mean()))
    assert means[0] > 235
    assert means[0] > means[1] > means[2] + 10


def test_controls_are_seen(student: Student) -> None:
    """What controls are shown is in the picture, as far as their scales say, and at scale 0 not by a bit."""
    engine = FakeEngine(student)
    row, shown = _row(engine, "a boat"), np.zeros((1, student.height, student.width, 3), np.uint8)
    shown[:, :128] = 255
    images = []
    for scale in (0.0, 0.5, 1.0):
        told = {"control": shown, "scale": np.array([scale], np.float32)}
        image = engine.tick([replace(row, inputs=told)])[0].image
        assert image is not None
        images.append(image.astype(int))
    plain = engine.tick([row])[0].image
    assert plain is not None
    np.testing.assert_array_equal(images[0], plain)
    contrast = [int(image[:128].mean() - image[128:].mean()) for image in images]
    assert contrast[0] < contrast[1] < contrast[2]


@pytest.mark.parametrize("kind", [FakeEngine, FakeDevice])
def test_copies(student: Student, kind: type[FakeEngine]) -> None:
    """Asked to, it paints nothing: an image is the source image, a copy that is the caller's own; a still is grey."""
    engine = kind(student, copies=True)
    source = np.random.default_rng(0).integers(0, 256, (student.height, student.width, 3), dtype=np.uint8)
    still = _row(engine, "a boat")
    painted, grey = engine.tick([replace(still, image=source, job=2), still])
    assert painted.image is not None
    assert grey.image is not None
    assert painted.image is not source
    np.testing.assert_array_equal(painted.image, source)
    assert painted.image.flags.writeable
    assert (grey.image.shape, int(grey.image.min()), int(grey.image.max())) == (source.shape, 127, 127)
    assert engine.tick([replace(still, last=False)])[0].image is None
    assert engine.tick([_row(engine, "fake:error")])[0].error is not None
