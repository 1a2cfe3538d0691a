"""The painter's files."""

from pathlib import Path

import numpy as np
import pytest
import torch

from engines.families.modules import GraphModules
from engines.families.painter.modules import read_modules
from training.looks import LOOKS
from training.painter.easel import Easel
from training.painter.export import Made, attribution, export, make, student, vocabulary
from training.painter.read import new_reader
from training.painter.things import SETS, load_small, things
from training.painter.words import build_tokenizer

LEARNT = ("photo", "watercolor", "stained glass")


@pytest.fixture(scope="module")
def made(drawn: Path) -> Made:
    tokenizer = build_tokenizer()
    read = {"vocabulary": tokenizer.get_vocab(), "looks": list(LOOKS), "reader": new_reader(tokenizer).state_dict()}
    return make(Easel(), read, load_small(drawn / "things.npz"), LEARNT)


@pytest.fixture(scope="module")
def modules(made: Made) -> GraphModules:
    return made.modules


def test_the_file_is_a_students() -> None:
    """The file parses, makes steps at any strength, and gives the picture back at 0."""
    painter = student()
    assert set(painter.styles) == set(LOOKS)
    assert dict(painter.style_strengths) == {name: look.strength for name, look in LOOKS.items()}
    assert painter.latent_shape == (48, 128, 128)
    (nothing,), (half,), (strong,) = (painter.contract.repaint(strength) for strength in (0.0, 0.5, 0.9))
    assert (nothing.a_img, nothing.a_z, nothing.A, nothing.B) == (1, 0, 1, 0)
    assert (half.a_img, half.a_z, half.A, half.B) == (1, 0, 0, 1)
    assert strong.a_z > 0


def test_words_and_thanks() -> None:
    """The vocabulary holds every look and thing, and every set of drawings is thanked with its licence."""
    known = vocabulary()
    assert list(known["looks"]) == list(LOOKS)
    assert len(known["things"]) == len(things())
    assert list(vocabulary(LEARNT)["looks"]) == list(LEARNT)
    for one in SETS:
        assert one.author in attribution()
        assert one.licence in attribution()


def test_looks_that_were_not_learnt_are_not_known() -> None:
    """A painter of some looks offers those, and words of the others only are unknown to it; all others keep their numbers."""
    assert set(student(looks=LEARNT).styles) == set(LEARNT)
    every, some = build_tokenizer().get_vocab(), build_tokenizer(LEARNT).get_vocab()
    assert every.items() >= some.items()
    assert {"glass", "watercolor", "painting", "fox"} <= some.keys()
    assert {"linocut", "neon"} <= every.keys() - some.keys()


def test_pixels_pass_unchanged(modules: GraphModules) -> None:
    """Encoding and decoding give every pixel back."""
    pixels = torch.randint(0, 256, (1, 64, 64, 3), dtype=torch.uint8)
    assert torch.equal(modules.decode(modules.encode(pixels)), pixels)


def test_a_reader_of_other_words_is_refused(drawn: Path) -> None:
    """A reader that was trained before the words changed is not exported."""
    read = {"vocabulary": {"<pad>": 0}, "looks": list(LOOKS), "reader": {}}
    with pytest.raises(ValueError, match=r"train it again"):
        make(Easel(), read, np.zeros((len(things()), 2, 4, 64, 64), np.uint8))


def test_graphs_are_written_and_read_back(made: Made, modules: GraphModules, tmp_path: Path) -> None:
    """The four graphs compute what torch does, weigh at most 30 MB, and are read back into the same modules."""
    off = export(made, tmp_path / "painter")
    assert set(off) == {"conditioning", "latents", "x0", "x_next", "pixels"}
    graphs = list((tmp_path / "painter").glob("*.onnx"))
    assert len(graphs) == 4
    assert sum(path.stat().st_size for path in graphs) < 30e6
    again = read_modules(tmp_path / "painter")
    assert torch.equal(again.text.text.drawings, modules.text.text.drawings)
    assert torch.allclose(again.denoise.painter.enter.weight, modules.denoise.painter.enter.weight, atol=1e-3)
