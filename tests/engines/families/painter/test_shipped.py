"""The painter that ships, on the engine that serves it."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from engines.engine import Engine, Row
from engines.factory import make_engine
from engines.options import OpenVinoOptions
from engines.students import load_student
from engines.tokens import Tokens

Pixels = NDArray[np.uint8]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    options = OpenVinoOptions(threads=1, precision="fp32")
    made = make_engine("openvino", load_student("painter"), (2,), options, cache=tmp_path_factory.mktemp("cache"))
    yield made
    made.close()


def _paint(engine: Engine, prompt: str, image: Pixels | None = None, strength: float = 1.0, seed: int = 3) -> Pixels:
    contract = engine.student.contract
    (step,) = contract.still() if image is None else contract.repaint(strength)
    (painted,) = engine.tick([Row(1, 0, step, True, engine.condition(prompt), seed, image)])
    assert painted.image is not None
    return painted.image


def _far(a: Pixels, b: Pixels) -> float:
    return float(np.abs(a.astype(int) - b.astype(int)).mean())


def test_strength_0_gives_the_picture_back(engine: Engine) -> None:
    """Every pixel comes back at strength 0, in whatever look; at 0.5 looks are far from the picture and from each other."""
    y, x = np.mgrid[0:512, 0:512]
    picture = np.stack([x / 2, y / 2, 128 + 100 * np.sin(x / 11) * np.cos(y / 17)], -1).astype(np.uint8)
    assert np.array_equal(_paint(engine, "delft", picture, 0.0), picture)
    delft, noir, photo = (_paint(engine, look, picture, 0.5) for look in ("delft", "noir", "photo"))
    assert _far(photo, picture) < 4
    assert min(_far(delft, picture), _far(noir, picture), _far(delft, noir)) > 20


def test_stills_show_what_is_named(engine: Engine) -> None:
    """From one noise, a thing, its background's colour and a look each make another picture; unknown words make a landscape."""
    fox, owl = _paint(engine, "a fox on a blue background"), _paint(engine, "an owl on a blue background")
    assert _far(fox, owl) > 3
    corner = fox[:60, :60].mean((0, 1))
    assert corner[2] > corner[0] + 40
    red = _paint(engine, "a fox on a red background")[:60, :60].mean((0, 1))
    assert red[0] > red[2] + 40
    assert _far(_paint(engine, "a flibbertigibbet"), _paint(engine, "")) < 3
    assert _paint(engine, "a flibbertigibbet").std() > 15


def test_its_eye_draws_what_it_is_shown(engine: Engine) -> None:
    """From noise, along lines: dark where the lines are, its own tones and the scene's colours where things are drawn, and the
    scene where nothing is. At scale 0, and beside it in a tick, the picture is to the bit the one without."""
    (control,) = engine.student.controls
    assert (control.name, control.eye, control.strength) == ("lines", "lines", 1.0)
    seen = np.zeros((1, 512, 512, 3), np.uint8)
    seen[:, 100:300, 100:104] = seen[:, 100:300, 296:300] = seen[:, 100:104, 100:300] = seen[:, 296:300, 100:300] = 255
    (step,), said = engine.student.contract.still(), engine.condition("photo")
    nothing, unseen, drawn = (
        Row(job, 0, step, True, said, 3, inputs=told)
        for job, told in enumerate(({}, *({"control": seen, "scale": np.array([scale], np.float32)} for scale in (0.0, 1.0))))
    )
    plain, zero, alone = (engine.tick([row])[0].image for row in (nothing, unseen, drawn))
    beside, together = (one.image for one in engine.tick([nothing, drawn]))
    assert plain is not None
    assert alone is not None
    assert np.array_equal(zero, plain)
    assert np.array_equal(beside, plain)
    assert np.array_equal(together, alone)
    line, inside = alone[150:250, 100:104].astype(float), alone[150:250, 110:118].astype(float)
    assert line.mean() < inside.mean() - 20
    assert _far(alone[420:], plain[420:]) < 6
    assert _far(alone[100:300, 100:300], plain[100:300, 100:300]) > 12


def test_the_words_it_knows() -> None:
    """Words of its looks, things and colours are known, those of looks that it has not learnt and all others are not."""
    unknown = Tokens(load_student("painter")).unknown
    assert unknown("a small red fox on a blue background, ukiyo-e") == []
    assert unknown("two zebus, stained glass") == ["zebus", "stained"]


def test_its_files_say_what_is_known() -> None:
    """The vocabulary beside the graphs lists its looks and things."""
    folder = load_student("painter").graphs
    assert folder is not None
    assert {path.name for path in Path(folder).iterdir()} >= {"vocabulary.json", "tokenizer.json", "ATTRIBUTION.md"}
