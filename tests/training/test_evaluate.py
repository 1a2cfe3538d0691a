import random
from collections import Counter

import numpy as np
import pytest
import torch

from engines.fake_engine import FakeEngine
from engines.students import load_student
from training.evaluate import (
    FIRST_SEED,
    Task,
    canonical,
    examine_repaints,
    examine_stills,
    held_out_wishes,
    paint,
    same_seed_same_picture,
    structure,
    to_pixels,
    to_tensors,
)
from training.reader import Reader, ReaderNet
from training.scenes import Scene, render
from training.words import STYLES


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine(load_student("embedded"), (4,))


@pytest.fixture
def reader() -> Reader:
    return Reader(ReaderNet(), ["photo"], ["photo", "comic"])


def test_wishes_are_held_out_and_spread_over_the_styles() -> None:
    wishes = held_out_wishes(96, random.Random(0))
    assert all(wish.held_out for wish in wishes)
    assert set(Counter(wish.style for wish in wishes).values()) == {6}
    assert len(set(wishes)) == 96


def test_tasks_are_painted_in_order_however_many_fit_a_tick(engine: FakeEngine) -> None:
    tasks = [Task(canonical(wish), FIRST_SEED + i) for i, wish in enumerate(held_out_wishes(7, random.Random(0)))]
    together = paint(engine, tasks)
    assert len(together) == 7
    for task, picture in zip(tasks, together, strict=True):
        assert np.array_equal(paint(engine, [task])[0], picture)


def test_an_error_of_a_row_is_not_passed_over(engine: FakeEngine) -> None:
    with pytest.raises(RuntimeError, match="fail this image"):
        paint(engine, [Task("red", 1), Task("fake:error", 2)])


def test_pixels_and_tensors_are_inverse() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (8, 6, 3), dtype=np.uint8)
    assert np.array_equal(to_pixels(to_tensors([pixels])[0]), pixels)


def test_structure_sees_places_and_not_colours() -> None:
    scenes = [Scene("star", "red", "white"), Scene("star", "blue", "yellow"), Scene("star", "red", "white", x=0.37, y=0.6)]
    same, recoloured, moved = structure(torch.stack([render(scene) for scene in scenes]))
    assert float(same @ same) == pytest.approx(1, abs=1e-4)
    assert float(same @ recoloured) > 0.85
    assert float(same @ moved) < 0.6


def test_seeds_are_told_apart(engine: FakeEngine) -> None:
    assert same_seed_same_picture(engine)


def test_a_student_that_paints_nothing_follows_no_style(engine: FakeEngine, reader: Reader) -> None:
    report = examine_repaints(engine, reader)
    for strength in ("0.35", "0.5", "0.7"):
        assert report[strength]["styles followed"] <= 3
    assert report["styles"] == len(STYLES)


def test_stills_are_counted_by_head(engine: FakeEngine, reader: Reader) -> None:
    report = examine_stills(engine, reader, 32)
    assert report["shape"]["asked"] == 32
    assert report["colour"]["asked"] == 2
    assert report["background"]["asked"] == 4
    assert set(report["shape by style"]) == set(STYLES)
