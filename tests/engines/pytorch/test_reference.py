from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engines.engine import Engine, Painted, Pixels, Row
from engines.errors import EngineError
from engines.openvino_engine import OpenVinoEngine
from engines.options import OpenVinoOptions
from engines.pytorch.reference import TorchEngine
from engines.student import Student
from engines.student.contract import Contract
from engines.students import load_student

PROMPT = "a red heart on a cyan background, comic"


@pytest.fixture(scope="module")
def student() -> Student:
    return load_student("embedded")


@pytest.fixture(scope="module")
def engine(student: Student) -> Iterator[TorchEngine]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield TorchEngine(student, (1, 4))
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def image() -> Pixels:
    coarse = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return coarse.repeat(32, 0).repeat(32, 1)


def still(engine: Engine, job: int = 1, seed: int = 5, prompt: str = PROMPT) -> Row:
    return Row(job, 0, engine.student.contract.still()[0], True, engine.condition(prompt), seed)


def repaint(engine: Engine, image: Pixels, strength: float, job: int = 2, seed: int = 5) -> Row:
    return Row(job, 0, engine.student.contract.repaint(strength)[0], True, engine.condition("neon"), seed, image)


def picture(painted: Painted) -> Pixels:
    assert painted.error is None
    assert painted.image is not None
    return painted.image


def apart(a: Pixels, b: Pixels) -> float:
    """Mean absolute difference in grey levels."""
    return float(np.abs(a.astype(np.float32) - b.astype(np.float32)).mean())


def test_a_picture_is_a_function_of_its_row(engine: TorchEngine) -> None:
    first, again = (picture(engine.tick([still(engine)])[0]) for _ in range(2))
    assert first.shape == (256, 256, 3)
    assert first.dtype == np.uint8
    assert np.array_equal(first, again)


def test_who_shares_a_tick_does_not_matter(engine: TorchEngine, image: Pixels) -> None:
    alone = picture(engine.tick([still(engine)])[0])
    others = [repaint(engine, image, 0.3), still(engine), still(engine, 3, 6, "ink")]
    together = engine.tick(others)
    assert apart(picture(together[1]), alone) < 0.01
    assert apart(picture(together[0]), picture(together[1])) > 1


def test_at_strength_0_the_image_comes_back(engine: TorchEngine, image: Pixels) -> None:
    back = picture(engine.tick([repaint(engine, image, 0.0)])[0])
    assert apart(back, image) < 4


def test_a_row_that_is_not_a_number_fails_alone(engine: TorchEngine) -> None:
    good = still(engine)
    bad = replace(good, job=7, conditioning=np.full_like(good.conditioning, np.nan))
    painted = engine.tick([bad, good])
    assert painted[0].image is None
    assert "not a number" in str(painted[0].error)
    assert apart(picture(painted[1]), picture(engine.tick([good])[0])) < 0.01


def test_an_image_of_the_wrong_shape_fails_alone(engine: TorchEngine, image: Pixels) -> None:
    painted = engine.tick([repaint(engine, image[:128], 0.5), still(engine)])
    assert "shape" in str(painted[0].error)
    assert painted[1].image is not None


def test_steps_of_a_job_share_a_slot(engine: TorchEngine) -> None:
    steps = Contract("flow", "preconditioned", (1.0, 0.5)).still()
    conditioning = engine.condition(PROMPT)
    first, second = (Row(9, i, step, i == 1, conditioning, 5) for i, step in enumerate(steps))
    halfway = engine.tick([first])[0]
    assert halfway.image is None
    assert halfway.error is None
    two = picture(engine.tick([second])[0])
    assert "gone" in str(engine.tick([second])[0].error)
    engine.tick([first])
    engine.forget(9)
    assert "gone" in str(engine.tick([second])[0].error)
    engine.tick([first])
    assert np.array_equal(picture(engine.tick([second])[0]), two)


def test_more_rows_than_it_takes_are_refused(engine: TorchEngine) -> None:
    with pytest.raises(EngineError, match="5 rows"):
        engine.tick([still(engine)] * 5)
    assert engine.tick([]) == []


def test_long_and_strange_prompts_are_conditioned(engine: TorchEngine) -> None:
    for prompt in ("", "red " * 5000, "\x00\U0001f600", "жук"):
        conditioning = engine.condition(prompt)
        assert conditioning.shape == engine.student.text_shape
        assert np.isfinite(conditioning).all()


def test_warming_up_times_every_size(engine: TorchEngine) -> None:
    seconds = engine.warm_up()
    assert list(seconds) == [1, 4]
    assert all(s > 0 for s in seconds.values())


def test_missing_graphs_and_devices_say_what_to_do(student: Student, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="make student"):
        TorchEngine(replace(student, graphs=tmp_path), (1,))
    if not torch.cuda.is_available():
        with pytest.raises(EngineError, match="cuda"):
            TorchEngine(student, (1,), device="cuda")
    with pytest.raises(EngineError, match="positive"):
        TorchEngine(student, ())


@pytest.mark.parametrize(("precision", "most"), [("fp32", 0.05), ("auto", 1.5)])
def test_openvino_paints_the_same(engine: TorchEngine, image: Pixels, tmp_path: Path, precision: Any, most: float) -> None:
    other = OpenVinoEngine(engine.student, (4,), tmp_path, OpenVinoOptions(precision, 1))
    for make in (still, lambda e: repaint(e, image, 0.35), lambda e: repaint(e, image, 0.8)):
        wanted, got = (picture(e.tick([make(e)])[0]) for e in (engine, other))
        assert apart(got, wanted) < most
    other.close()
