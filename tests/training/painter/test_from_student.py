"""A training folder that begins from a student's graphs."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from engines.families.modules import GraphModules
from engines.families.painter.modules import read_modules
from engines.students import load_student
from training.looks import LOOKS
from training.painter.export import Made, from_training, vocabulary
from training.painter.from_student import begin, read_easel, read_reader
from training.painter.read import new_reader
from training.painter.words import build_tokenizer


@pytest.fixture(scope="module")
def shipped() -> Path:
    folder = load_student("painter").graphs
    assert folder is not None
    return Path(folder)


@pytest.fixture(scope="module")
def begun(shipped: Path, drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training folder that began from the student that ships, with drawings of its own."""
    folder = tmp_path_factory.mktemp("begun")
    (folder / "things.npz").symlink_to(drawn / "things.npz")
    begin(shipped, folder)
    return folder


@pytest.fixture(scope="module")
def again(begun: Path) -> Made:
    return from_training(begun)


def _prompt(words: str) -> torch.Tensor:
    return torch.tensor([build_tokenizer().encode(words).ids])


def test_what_it_makes_paints_as_the_student(shipped: Path, again: Made) -> None:
    """Graphs made of the folder have the student's looks, read its prompts and paint its pictures, to half precision."""
    before: GraphModules = read_modules(shipped)
    assert list(again.looks) == list(vocabulary(again.looks)["looks"])
    assert list(again.looks) == list(json.loads((shipped / "vocabulary.json").read_text())["looks"])
    own, theirs = (modules.text.text.reader.state_dict() for modules in (again.modules, before))
    assert all(torch.equal(own[name], theirs[name]) for name in theirs)
    own, theirs = (modules.denoise.control.state_dict() for modules in (again.modules, before))
    assert all(torch.equal(own[name], theirs[name]) for name in theirs)
    x, t = torch.rand(1, 48, 128, 128) * 2 - 1, torch.tensor([0.5])
    with torch.no_grad():
        asked = [made.text(_prompt("van gogh")) for made in (before, again.modules)]
        painted = [made.denoise.painter(x, t, one) for made, one in zip((before, again.modules), asked, strict=True)]
    assert (asked[0] - asked[1]).abs().max() < 2e-3
    assert (painted[0] - painted[1]).abs().max() < 2e-2
    assert (painted[0] - painted[1]).abs().mean() < 1e-3


def test_a_checkpoint_is_never_written_over(shipped: Path, begun: Path) -> None:
    """A folder that has a checkpoint keeps it, and the error says what to do."""
    with pytest.raises(FileExistsError, match="go on from it"):
        begin(shipped, begun)


def test_what_does_not_fit_is_refused(shipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Graphs of a look that is gone, of other words, or made with other maps cannot be gone on from."""
    known = json.loads((shipped / "vocabulary.json").read_text())
    for path in shipped.iterdir():
        (tmp_path / path.name).symlink_to(path)
    (tmp_path / "vocabulary.json").unlink()
    (tmp_path / "vocabulary.json").write_text(json.dumps(known | {"looks": {**known["looks"], "fresco": []}}))
    with pytest.raises(ValueError, match="fresco"):
        read_easel(tmp_path)
    shutil.copy(shipped / "vocabulary.json", tmp_path / "vocabulary.json")
    monkeypatch.setattr("training.painter.easel.look_maps", lambda: torch.zeros(8, 16, 128, 128))
    with pytest.raises(ValueError, match="maps"):
        read_easel(tmp_path)
    monkeypatch.setattr("training.painter.from_student.build_tokenizer", lambda: build_tokenizer(["photo"]))
    with pytest.raises(ValueError, match="words"):
        read_reader(tmp_path)


def test_a_look_that_the_reader_does_not_know_is_not_offered(begun: Path, tmp_path: Path) -> None:
    """A look learnt since is exported with a reader that knows its name, and refused with the student's own; what is learnt
    may be offered in part."""
    for path in begun.iterdir():
        (tmp_path / path.name).symlink_to(path)
    saved = torch.load(begun / "painter.pt", weights_only=True)
    (tmp_path / "painter.pt").unlink()
    torch.save(saved | {"learnt": [*saved["learnt"], "mosaic"]}, tmp_path / "painter.pt")
    with pytest.raises(ValueError, match="mosaic"):
        from_training(tmp_path)
    assert from_training(tmp_path, ["photo", "ink", "stipple"]).looks == ("photo", "ink")
    tokenizer = build_tokenizer()
    read = {"vocabulary": tokenizer.get_vocab(), "looks": list(LOOKS), "reader": new_reader(tokenizer).state_dict()}
    (tmp_path / "reader.pt").unlink()
    torch.save(read, tmp_path / "reader.pt")
    assert "mosaic" in from_training(tmp_path).looks
